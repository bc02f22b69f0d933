"""The Manifest, the table of images, and the Findings made about it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from pneumoray import artifact
from pneumoray.errors import WorkspaceError

FILE_COLUMNS = ("size_bytes", "mtime_ns", "ctime_ns")  # by which an unchanged file is known
LISTED_COLUMNS = ("id", "path", "label", "patient", "group", "split", *FILE_COLUMNS)
FACT_COLUMNS = (
    *("width", "height", "mode", "format", "sha256", "pixel_sha256"),
    *("depth", "polarity", "low", "high", "num_frames", "jpeg_quality"),
    *("brightness", "red_share", "blue_share", "colour"),
)
OWN_COLUMNS = LISTED_COLUMNS + FACT_COLUMNS
INTEGERS = ("label", *FILE_COLUMNS, "width", "height", "num_frames")
FLOATS = ("low", "high", "brightness", "red_share", "blue_share", "colour")
NUMBERS = dict.fromkeys(INTEGERS, "int64") | dict.fromkeys(FLOATS, "float64")


@dataclass(frozen=True)
class Finding:
    """One thing noticed about the data: must be fixed, was handled, or is good to know.

    `pairs` are ids of two images each that don't belong on two sides; of a leak the one in test first.
    """

    kind: str
    severity: Literal["fix", "handled", "note"]
    message: str
    image_ids: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """What `asdict` made of one, after a way through JSON."""
        pairs = tuple((one, other) for one, other in stored.get("pairs", ()))
        return cls(**stored | {"image_ids": tuple(stored["image_ids"]), "pairs": pairs})


@dataclass(frozen=True)
class Understood:
    """One line of how the data was understood: a folder or a column, and what it is taken for."""

    depth: int
    name: str
    meaning: str


@dataclass(frozen=True, eq=False)
class Manifest:
    """The table of images, its classes in their lasting order, and the folder that it describes.

    `images` has LISTED_COLUMNS, after reading also FACT_COLUMNS, then the user's own columns, which
    are text exactly as the table had it. `label` indexes `classes`; of two, the second is the
    positive one. `understood` is there after listing, and not saved.
    """

    images: pd.DataFrame
    classes: tuple[str, ...]
    root: str
    understood: tuple[Understood, ...] = ()

    @property
    def extra_columns(self) -> list[str]:
        """The user's own columns (sex, site, age, ...)."""
        return [name for name in self.images.columns if name not in OWN_COLUMNS]

    def of_split(self, split: str) -> pd.DataFrame:
        return self.images[self.images["split"] == split]

    @property
    def positive(self) -> str | None:
        """The positive one of two classes; None of several."""
        return self.classes[1] if len(self.classes) == 2 else None

    def with_classes(self, classes: tuple[str, ...]) -> Self:
        """The same images and labels, with their classes in this order."""
        places = {name: i for i, name in enumerate(classes)}
        labels = self.images["label"].map([places[name] for name in self.classes].__getitem__)
        return replace(self, images=self.images.assign(label=labels), classes=classes)

    def with_images(self, images: pd.DataFrame) -> Self:
        return replace(self, images=images)

    def save(self, folder: Path) -> None:
        """Write manifest.csv and manifest.json into `folder`."""
        text = self.images.to_csv(index=False, lineterminator="\n")
        artifact.write_text(folder / "manifest.csv", text)
        about = {"classes": list(self.classes), "root": self.root, "num_images": len(self.images)}
        artifact.write_json(folder / "manifest.json", about)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote. Raises WorkspaceError naming a file that is missing or damaged."""
        about = artifact.read_json(folder / "manifest.json")
        try:
            images = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
            numbers = {name: kind for name, kind in NUMBERS.items() if name in images}
            manifest = cls(images.astype(numbers), tuple(about["classes"]), about["root"])
            if len(images) != about["num_images"]:
                raise ValueError(f"{len(images)} of {about['num_images']} rows")
        except (OSError, ValueError, KeyError) as error:
            raise WorkspaceError(
                f"{folder / 'manifest.csv'} can't be read ({error}): put back a copy of it"
            ) from None
        return manifest


def is_blank(images: pd.DataFrame) -> pd.Series:
    """Which images have one value everywhere, as far as their facts are known: copies of nobody."""
    if "low" not in images:
        return pd.Series(False, index=images.index)
    return images["low"] == images["high"]


def matched_patients(manifest: Manifest) -> int:
    """How many images have a known patient, from the table or by the rule."""
    return int((manifest.images["patient"] != "").sum())
