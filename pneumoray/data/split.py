"""Groups that belong together, and the splits made of them: grouped, stratified, seeded."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from pneumoray.data.manifest import Manifest, is_blank
from pneumoray.errors import DataError

MIN_VAL_IMAGES = 100  # a smaller given validation split can't tell models 2 points apart
MIN_VAL_IMAGES_PER_CLASS = 10
MIN_GROUPS = 3  # of a class: one for each of train, val and test
ROUNDING = 1e-7  # more than the sum of a million differences is off by


def regroup(manifest: Manifest) -> Manifest:
    """Join the groups of images with identical bytes or identical pixels.

    Blank images are equal, and of nobody. A joined group takes the first of its names in the alphabet,
    so it doesn't hang on row order.
    """
    images = manifest.images[~is_blank(manifest.images)]
    links = []
    for column in ("sha256", "pixel_sha256"):
        first: dict[str, str] = {}
        for value, group in zip(images[column], images["group"], strict=True):
            if (known := first.setdefault(value, group)) != group:
                links.append((known, group))
    return _joined(manifest, links)


def join_pairs(manifest: Manifest, pairs: Iterable[tuple[str, str]]) -> Manifest:
    """Join the groups of the images of each pair (ids), as `regroup` does."""
    group = dict(zip(manifest.images["id"], manifest.images["group"], strict=True))
    return _joined(manifest, [(group[one], group[other]) for one, other in pairs])


def _joined(manifest: Manifest, links: Iterable[tuple[str, str]]) -> Manifest:
    """With the groups of each link in one."""
    parent: dict[str, str] = {}

    def find(group: str) -> str:
        while (above := parent.get(group, group)) != group:
            parent[group] = parent.get(above, above)
            group = above
        return group

    for link in links:
        one, other = sorted(map(find, link))
        parent[other] = one
    images = manifest.images
    return manifest.with_images(images.assign(group=[find(group) for group in images["group"]]))


def subset(manifest: Manifest, num_images: int, seed: int = 0) -> Manifest:
    """About `num_images` images in whole groups, as many of each given split and class as before.

    Groups are drawn by a hash of (seed, name), so that a larger subset contains the smaller one and
    `resplit` draws independently. Each split and class comes within half of its largest group of
    its share, but keeps MIN_GROUPS groups, or all where it has fewer. Asked for as many images as
    there are, or more, the manifest is returned as it is.
    """
    images = manifest.images
    if num_images >= len(images):
        return manifest
    cell = ["split", "label"]
    counts = images.groupby(["group", *cell]).size().rename("num").reset_index()
    order = {group: i for i, group in enumerate(_by_hash(set(counts["group"]), f"subset:{seed}"))}
    counts = counts.sort_values("group", key=lambda names: names.map(order), kind="stable")
    least = counts.groupby(cell).head(MIN_GROUPS)["group"]
    # Each group counts whole where it has most of its images, so that no image counts twice.
    home = counts.sort_values("num", ascending=False, kind="stable").drop_duplicates("group")
    home = home.drop(columns="num").merge(images["group"].value_counts().rename("num"), on="group")
    home = home.sort_values("group", key=lambda names: names.map(order))
    sizes = home.groupby(cell)["num"]
    shares = num_images / len(images) * sizes.transform("sum")
    chosen = home["group"][sizes.cumsum() - home["num"] / 2 <= shares]
    kept = images["group"].isin({*least, *chosen})
    return manifest.with_images(images[kept].reset_index(drop=True))


def resplit(
    manifest: Manifest, val_fraction: float = 0.15, test_fraction: float = 0.15, seed: int = 0
) -> Manifest:
    """Give every image a split; no group is in two of them, except those that `leaks` names.

    A given test split stays as it is; without one, `test_fraction` of the images becomes it. A
    given validation split stays when it has MIN_VAL_IMAGES and MIN_VAL_IMAGES_PER_CLASS of each
    class, without the groups that also train; a smaller one is merged into train, and
    the new one takes `val_fraction` of the images outside a given test split (of all images,
    where none is given). Fractions are met per
    class as closely as whole groups allow. Groups are drawn by a hash of (seed, name), so a new
    patient moves few others.
    Raises DataError where a class has too few groups to be in every split.
    """
    images = manifest.images.assign(split=manifest.images["split"].replace("", "train"))
    has_test = bool((images["split"] == "test").any())
    straddling = set(images["group"][images["split"] == "train"])
    images.loc[(images["split"] == "val") & images["group"].isin(straddling), "split"] = "train"
    keep_val = is_val_usable(images["label"][images["split"] == "val"], len(manifest.classes))
    if not keep_val:
        images.loc[images["split"] == "val", "split"] = "train"
    new_splits = [] if has_test else [("test", test_fraction)]
    new_splits += [] if keep_val else [("val", val_fraction)]
    _check_groups(manifest, images, 1 + len(new_splits))
    pool = images[images["split"] == "train"]
    totals = np.bincount(pool["label"], minlength=len(manifest.classes))
    for i, (split, fraction) in enumerate(new_splits):
        pool = images[images["split"] == "train"]
        chosen = _draw(pool, fraction * totals, seed, num_left=len(new_splits) - i)
        images.loc[(images["split"] == "train") & images["group"].isin(chosen), "split"] = split
    return manifest.with_images(images)


def is_val_usable(labels: pd.Series, num_classes: int) -> bool:
    """Whether a given validation split is large enough to select models on."""
    counts = np.bincount(labels, minlength=num_classes)
    return bool(counts.sum() >= MIN_VAL_IMAGES and counts.min() >= MIN_VAL_IMAGES_PER_CLASS)


def leaks(manifest: Manifest) -> list[str]:
    """Groups that are both in the test split and outside it, sorted."""
    in_test = manifest.images["split"] == "test"
    groups = manifest.images["group"]
    return sorted(set(groups[in_test]) & set(groups[~in_test]))


def _check_groups(manifest: Manifest, images: pd.DataFrame, needed: int) -> None:
    pool = images[images["split"] == "train"]
    num_groups = pool.groupby("label")["group"].nunique()
    for label, name in enumerate(manifest.classes):
        if (num := int(num_groups.get(label, 0))) < needed:
            have = "no patient" if num == 0 else f"{num} patient"
            raise DataError(
                f"class {name} has {have}{'s' if num > 1 else ''} outside the given splits; "
                f"{needed} are needed to split by patient, so add images or check the patient rule"
            )


def _by_hash(groups: Iterable[str], key: str) -> list[str]:
    """Shuffled by `key`; which of two groups comes first doesn't hang on the others."""
    return sorted(groups, key=lambda g: hashlib.sha256(f"{key}:{g}".encode()).digest())


def _draw(pool: pd.DataFrame, target: np.ndarray, seed: int, num_left: int) -> set[str]:
    """Groups that make up `target` images per class, leaving `num_left` groups of each class.

    Time and memory go with the images and the classes, not with their product.
    """
    counts: dict[str, dict[int, int]] = defaultdict(dict)  # group -> its images of each class
    for group, label in zip(pool["group"], pool["label"], strict=True):
        counts[group][label] = counts[group].get(label, 0) + 1
    order = _by_hash(counts, str(seed))
    groups_of: dict[int, list[str]] = defaultdict(list)
    for group in order:
        for label in counts[group]:
            groups_of[label].append(group)
    groups_left = {label: len(groups) for label, groups in groups_of.items()}
    balance = _Balance(target)
    chosen: set[str] = set()

    def take(group: str) -> None:
        chosen.add(group)
        balance.add(counts[group])
        for label in counts[group]:
            groups_left[label] -= 1

    def may_go(group: str) -> bool:
        return all(groups_left[label] > num_left for label in counts[group])

    for group in order:
        if balance.gain(counts[group]) > 0 and may_go(group):
            take(group)
    for label in np.flatnonzero(
        balance.have == 0
    ).tolist():  # all are larger than the target: the smallest
        able = [g for g in groups_of[label] if g not in chosen and may_go(g)]
        if able:
            take(min(able, key=lambda g: sum(counts[g].values())))
    return chosen


class _Balance:
    """How near the images of each class, `have`, are to `target`: the sum of relative differences."""

    def __init__(self, target: np.ndarray) -> None:
        self.have = np.zeros(len(target))
        self._target, self._scale = target, np.maximum(target, 1e-9)

    def add(self, counts: dict[int, int]) -> None:
        for label, count in counts.items():
            self.have[label] += count

    def gain(self, counts: dict[int, int]) -> float:
        """How much nearer `counts` more images of each class would bring it.

        Only their classes are looked at, unless that leaves rounding to decide: then the sums over
        all classes do, as what was once drawn is drawn again.
        """
        before, after = [], []
        for label, count in counts.items():
            have, target, scale = self.have[label], self._target[label], self._scale[label]
            before.append(abs(have - target) / scale)
            after.append(abs(have + count - target) / scale)
        gain = sum(before) - sum(after)
        if before == after or abs(gain) > ROUNDING:
            return gain
        more = np.zeros(len(self.have))
        more[list(counts)] = list(counts.values())
        before_all = np.abs((self.have - self._target) / self._scale).sum()
        return before_all - np.abs((self.have + more - self._target) / self._scale).sum()
