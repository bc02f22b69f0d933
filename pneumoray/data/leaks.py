"""Who stands on both sides of a split: patients, copies and near copies, in pairs of images."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence

import pandas as pd

from pneumoray.data.manifest import Finding, Manifest
from pneumoray.errors import counted

Pair = tuple[str, str]  # ids of two images


def across_splits(
    images: pd.DataFrame, joined: pd.DataFrame, near: Sequence[Pair] = ()
) -> list[Finding]:
    """Groups in more than one given split: patients, identical images, and near copies if joined.

    `joined` are `images` with identical ones in one group.
    """
    found = []
    outside, in_test = images["split"] != "test", images["split"] == "test"
    if pairs := leak_pairs(joined, near):
        num = len(set(joined["group"][in_test]) & set(joined["group"][outside]))
        patients = set(images["group"][in_test]) & set(images["group"][outside])
        why = counted(len(patients), "patient") if patients else "no patient, but identical images"
        message = (
            f"{counted(num, 'group', 'is are')} both in the test split and outside "
            f"it ({why}), in {counted(len(pairs), 'pair')} such as {pairs[0][0]} and {pairs[0][1]}: the "
            "test would flatter; move one image of each pair to the other's split, or pass --allow-leaks"
        )
        paired = {one for pair in pairs for one in pair}
        ids = tuple(name for name in joined["id"] if name in paired)
        found.append(Finding("leak", "fix", message, ids, tuple(pairs)))
    straddling = set(joined["group"][images["split"] == "train"])
    straddling &= set(joined["group"][images["split"] == "val"])
    if straddling:
        rows = images[joined["group"].isin(straddling) & outside]
        one = len(straddling) == 1
        message = (
            f"{counted(len(straddling), 'group', 'is are')} in train and in val, such as "
            f"{min(straddling)}; {'it' if one else 'each'} is kept together when validation is split anew"
        )
        found.append(Finding("group-across-splits", "handled", message, tuple(rows["id"])))
    return found


def near_copies_found(
    images: pd.DataFrame, joined: pd.DataFrame, near: Sequence[Pair]
) -> list[Finding]:
    """Near copies of different patients: handled where one group holds both, else to look at."""
    at = images.set_index("id")
    patient = (at["patient"].where(at["patient"] != "", at.index)).to_dict()
    group, pixels = joined.set_index("id")["group"].to_dict(), at["pixel_sha256"].to_dict()
    strangers = [
        (one, other)
        for one, other in near
        if patient[one] != patient[other] and pixels[one] != pixels[other]
    ]
    together = [pair for pair in strangers if group[pair[0]] == group[pair[1]]]
    apart = [pair for pair in strangers if group[pair[0]] != group[pair[1]]]
    found = []
    if together:
        message = f"{_described(together, at)}; they share a group, so also a split"
        found.append(_finding("handled", message, together))
    if apart:
        split = at["split"].to_dict()
        leaks = sum((split[one] == "test") != (split[other] == "test") for one, other in apart)
        pairs = sorted(
            apart, key=lambda pair: (split[pair[0]] == "test") == (split[pair[1]] == "test")
        )
        message = (
            f"{_described(apart, at)}; look at them, and --join-near-copies puts each in one split"
        )
        if leaks:
            message = (
                f"{_described(apart, at)}; {leaks} of these pairs {'is' if leaks == 1 else 'are'} in test "
                "and outside it, where the test would flatter: look at them, and move or delete one of each"
            )
            pairs = [pair[::-1] if split[pair[1]] == "test" else pair for pair in pairs]
        found.append(_finding("fix" if leaks else "note", message, pairs))
    return found


def leak_pairs(images: pd.DataFrame, near: Iterable[Pair] = ()) -> list[Pair]:
    """(image in test, image outside) of each group on both sides; each of its images is in a pair.

    Of the other side an image gets its near copy (of `near`) if there is one, else an identical one,
    else one of its patient, else one of its group: about as many pairs as images, not all that there are.
    """
    in_test = images["split"] == "test"
    shared = set(images["group"][in_test]) & set(images["group"][~in_test])
    rows = images[images["group"].isin(shared)]
    contents = rows.get("pixel_sha256", rows["id"])
    patients = rows["patient"].where(rows["patient"] != "", rows["id"])
    is_test = dict(zip(rows["id"], rows["split"] == "test", strict=True))
    likes = dict(zip(rows["id"], zip(contents, patients, rows["group"], strict=True), strict=True))
    turns: dict[tuple[bool, int, Hashable], deque[str]] = defaultdict(deque)
    for name, alike in likes.items():  # by side, kind of likeness, and what is alike
        for kind, value in enumerate(alike):
            turns[is_test[name], kind, value].append(name)
    partner = {
        one: other
        for pair in near
        if {is_test.get(name) for name in pair} == {True, False}
        for one, other in (pair, pair[::-1])
    }
    pairs: list[Pair] = []
    for side in (True, False):  # an image outside that was named needs no second pair
        named = {name for pair in pairs for name in pair}
        for name in (name for name in likes if is_test[name] == side and name not in named):
            alike = ((not side, kind, value) for kind, value in enumerate(likes[name]))
            others = next(turns[key] for key in alike if key in turns)
            other = partner.get(name) or others[0]
            others.rotate(-1)
            pairs.append((name, other) if side else (other, name))
    return pairs


def pairs_table(manifest: Manifest, findings: Iterable[Finding]) -> pd.DataFrame:
    """A row a pair of each finding, or an image of a finding without pairs, as text.

    `finding`, `severity`, `why` (of a pair: same bytes, same pixels, same patient, near copy, or same
    group), then `image`, `split`, `class`, `patient`, and the same of the `other_` image.
    """
    rows = []
    for finding in findings:
        pairs = finding.pairs or [(name, "") for name in finding.image_ids]
        rows += [(finding.kind, finding.severity, *pair) for pair in pairs]
    table = pd.DataFrame(rows, columns=["finding", "severity", "image", "other_image"], dtype=str)
    images = manifest.images.set_index("id")
    known = images[["split", "patient", "sha256", "pixel_sha256"]].astype(str)
    known["class"] = images["label"].map(dict(enumerate(manifest.classes)))
    for prefix in ("", "other_"):
        of_image = known.add_prefix(prefix).reindex(table[f"{prefix}image"]).fillna("")
        table = pd.concat([table, of_image.reset_index(drop=True)], axis=1)
    table["why"] = "same group"
    table.loc[table["finding"] == "near-copies", "why"] = "near copy"
    for column, why in (
        ("patient", "same patient"),
        ("pixel_sha256", "same pixels"),
        ("sha256", "same bytes"),
    ):
        same = (table[column] != "") & (table[column] == table[f"other_{column}"])
        table.loc[same, "why"] = why
    table.loc[table["other_image"] == "", "why"] = ""
    about = ["image", "split", "class", "patient"]
    return table[["finding", "severity", "why", *about, *(f"other_{name}" for name in about)]]


def _described(pairs: Sequence[Pair], at: pd.DataFrame) -> str:
    label = at["label"].to_dict()
    num = sum(label[one] != label[other] for one, other in pairs)
    classes = f", {num} of them of two classes" if num else ""
    return (
        f"{counted(len(pairs), 'pair')} of images look{'s' * (len(pairs) == 1)} like copies of one film "
        f"though bytes and patients differ{classes}, such as {pairs[0][0]} and {pairs[0][1]}"
    )


def _finding(severity: str, message: str, pairs: Sequence[Pair]) -> Finding:
    ids = dict.fromkeys(name for pair in pairs for name in pair)
    return Finding("near-copies", severity, message, tuple(ids), tuple(pairs))  # type: ignore[arg-type]
