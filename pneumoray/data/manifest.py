"""The Manifest, the table of images, and the Findings made about it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from pneumoray import artifact
from pneumoray.errors import WorkspaceError

LISTED_COLUMNS = ("id", "path", "label", "patient", "group", "split", "size_bytes", "mtime_ns")
FACT_COLUMNS = ("width", "height", "mode", "format", "sha256", "pixel_sha256")
OWN_COLUMNS = LISTED_COLUMNS + FACT_COLUMNS
INTEGERS = ("label", "size_bytes", "mtime_ns", "width", "height")


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


@dataclass(frozen=True, eq=False)
class Manifest:
    """The table of images, its classes in their lasting order, and the folder that it describes.

    `images` has LISTED_COLUMNS, after reading also FACT_COLUMNS, then the user's own columns, which
    are text exactly as the table had it. `label` indexes `classes`; of two, the second is the
    positive one.
    """

    images: pd.DataFrame
    classes: tuple[str, ...]
    root: str

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
            integers = {name: "int64" for name in INTEGERS if name in images}
            manifest = cls(images.astype(integers), tuple(about["classes"]), about["root"])
            if len(images) != about["num_images"]:
                raise ValueError(f"{len(images)} of {about['num_images']} rows")
        except (OSError, ValueError, KeyError) as error:
            raise WorkspaceError(
                f"{folder / 'manifest.csv'} can't be read ({error}): put back a copy of it"
            ) from None
        return manifest


def matched_patients(manifest: Manifest) -> int:
    """How many images have a known patient, from the table or by the rule."""
    return int((manifest.images["patient"] != "").sum())
