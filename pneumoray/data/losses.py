"""Classes of which too many images can't be read."""

from collections.abc import Sequence

import pandas as pd

from pneumoray.data.manifest import Finding, Manifest
from pneumoray.errors import counted

MOST_LOST = 0.05  # of a class; more than that is no accident of single files


def lost_of_classes(manifest: Manifest, unreadable: Sequence[int]) -> list[Finding]:
    """A Finding of each class that loses more than MOST_LOST of its images to `unreadable` rows."""
    lost = manifest.images.iloc[list(unreadable)]
    sizes, names = manifest.images["label"].value_counts(), pd.Series(manifest.classes)
    found = []
    for label, rows in lost.groupby("label", sort=True):
        num_images, name = int(sizes[label]), names[label]
        if len(rows) > MOST_LOST * num_images:
            message = (
                f"{len(rows):,} of {counted(num_images, 'image')} of class {name} can't be read "
                f"({len(rows) / num_images:.0%}), such as {rows['id'].iloc[0]}: mend them as the findings "
                "'unreadable' say, or the model learns from what is left"
            )
            found.append(Finding("unreadable-class", "fix", message, tuple(rows["id"])))
    return found
