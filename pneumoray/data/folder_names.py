"""What the name of a folder says by itself: a split, a fold, masks, a part of a pool, a system's own."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

Split = Literal["train", "val", "test"]
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
SPLITS = ("train", "val", "test")
SYSTEM_NAMES = frozenset(
    (
        "__MACOSX",
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "__pycache__",
        "Thumbs.db",
        "desktop.ini",
    )
)


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that name no class: what lies in a folder, and not what it shows.
_CONTENT = _words_in(
    "image images img imgs picture pictures photo photos film films scan scans xray xrays dicom dicoms "
    "dcm jpg jpeg png tif tiff data dataset file files raw"
)
_MASKS = _words_in(
    "mask masks segmentation segmentations annotation annotations label labels gt groundtruth contour "
    "contours roi rois overlay overlays heatmap heatmaps"
)
_PARTS = _CONTENT | _words_in("part parts batch chunk shard subset zip archive volume vol")
_PATIENTS = _words_in(
    "patient patients subject subjects subj sub person case pat pt pid p study series exam visit"
)
_FILLERS = _CONTENT | _words_in("set sets split splits folder stage x ray rays chest")
_FOLDS = _words_in("fold folds kfold cv")
_WORN = _words_in("with without no non not wearing face")  # masks that are worn
_TOGETHER: dict[str, Split] = {
    "trainval": "train",
    "trainset": "train",
    "valset": "val",
    "testset": "test",
}


def nfc(name: str) -> str:
    """The one spelling in which names are compared: macOS writes accents and Hangul in pieces."""
    return unicodedata.normalize("NFC", name)


def is_hidden(name: str) -> bool:
    """Whether no person put it there: a dot before it, or a system's own folder or file."""
    return name.startswith(".") or name in SYSTEM_NAMES


def split_of(name: str) -> tuple[Split, bool] | None:
    """(the split that a folder of this name may be, whether its name says nothing else), or None.

    training_set and Test2 say nothing else; seg_train and train station do.
    """
    words = [word for word in _words(name) if not word.isdecimal()]
    known = SPLIT_NAMES | _TOGETHER
    splits = {known[word] for word in words if word in known}
    if len(splits) != 1:
        return None
    return splits.pop(), all(word in known or word in _FILLERS for word in words)


def is_fold(name: str) -> bool:
    """Whether it is called fold1, Fold_02, cv-3."""
    words = _words(name)
    return len(words) == 2 and words[0] in _FOLDS and words[1].isdecimal()


def is_masks(name: str) -> bool:
    """Whether it is called masks, lung_mask, annotations; a class with_mask is another thing."""
    words = _words(name)
    return bool(words) and words[-1] in _MASKS and not _WORN & set(words)


def is_content(name: str) -> bool:
    """Whether it is called images, xray_data, PNG: what any folder holds."""
    words = _words(name)
    return bool(words) and all(word in _CONTENT for word in words)


def are_parts(names: Iterable[str]) -> bool:
    """Whether these are pieces of one pool, as images_001 and images_002 or p10 and p11."""
    found = [_words(name) for name in names]
    stems = {tuple(word for word in words if not word.isdecimal()) for words in found}
    if len(found) < 2 or len(stems) != 1:
        return False
    numbered = all(any(word.isdecimal() for word in words) for words in found)
    (stem,) = stems
    return bool(stem) and numbered and all(word in _PARTS | _PATIENTS for word in stem)


def _words(name: str) -> list[str]:
    """'trainImages_001' -> train, images, 001."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", nfc(name))
    return re.findall(r"[^\W\d_]+|\d+", apart.casefold())
