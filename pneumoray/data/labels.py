"""What a data set says that an image shows, its label, becomes the image's class."""

import re
import shlex
from collections import defaultdict

import pandas as pd

from pneumoray import words
from pneumoray.data.folder_names import nfc
from pneumoray.data.manifest import Finding
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError, counted, did_you_mean, some_of

# What pandas reads as missing, and what it and NumPy write for it. A person's own 'none' is a word.
MISSING = frozenset(
    (
        *(
            "",
            "#N/A",
            "#N/A N/A",
            "#NA",
            "-1.#IND",
            "-1.#QNAN",
            "-NaN",
            "-nan",
            "1.#IND",
            "1.#QNAN",
        ),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "NaT", "None", "n/a", "nan", "null"),
    )
)
_MOST_ASKED = 3  # pairs of look-alikes in one message


def as_classes(
    table: pd.DataFrame, rules: Rules, source: str
) -> tuple[pd.DataFrame, list[Finding]]:
    """`table` whose column `label` holds classes: joined as `rules` say, in one form of Unicode.

    Raises DataError for labels that look like one class in two spellings (NORMAL and Normal, 1 and
    1.0), for one that no table can hold, and where `rules` speak of a label that is not there.
    """
    said = {nfc(label): nfc(name) for label, name in rules.labels.items()}
    counts = table["label"].value_counts()
    found = []
    one_form: dict[str, str] = {}
    for label in sorted(counts.index):
        if why := words.why_no_line(label):
            raise DataError(f"class {label!r:.60}: {why}; rename it")
        one_form[label] = nfc(label)
    spelled = table["label"].map(one_form)
    if twice := len(one_form) - len(set(one_form.values())):
        name = next(form for label, form in one_form.items() if form != label)
        message = f"{name} is written in two forms of Unicode, and is one class"
        if twice > 1:
            message = (
                f"{twice} classes are written in two forms of Unicode, such as {name}: each is one"
            )
        found.append(Finding("unicode", "handled", message))
    known = list(dict.fromkeys(one_form.values()))
    for label in said:
        if label not in known:
            raise DataError(
                f"labels says what {label!r} is, and {source} has no such label but "
                f"{some_of(known, 8)}{did_you_mean(label, known)}"
            )
    _ask_about_twins(spelled.value_counts(), said, source)
    names = spelled.map(lambda label: said.get(label, label))
    if rules.label_of is not None:
        names = _one_against_rest(names, nfc(rules.label_of), source)
    if odd := sorted(MISSING & set(names)):
        message = f"{some_of(odd)}: a class by this name, and no missing value"
        found.append(Finding("missing-words", "note", message))
    return table.assign(label=names), found


def _ask_about_twins(counts: pd.Series, said: dict[str, str], source: str) -> None:
    """Refuse labels of one class in two spellings, unless the user said what they are."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in counts.index:
        if label not in said:
            alike[_key(label)].append(label)
    by_name = [sorted(group) for group in alike.values() if len(group) > 1]
    if not by_name:
        return
    pairs = [
        " and ".join(f"{label} ({counted(counts[label], 'image')})" for label in group)
        for group in by_name
    ]
    joins, keeps = [], []
    for group in by_name:
        most = max(group, key=lambda label: counts[label])
        joins += [f"{label}={most}" for label in group if label != most]
        keeps += [f"{label}={label}" for label in group if label != most]
    raise DataError(
        f"{source} has labels that differ in their spelling only: {some_of(pairs, _MOST_ASKED)}. If they "
        f"are one class, join them with {_option(joins)}; if not, say {_option(keeps)}"
    )


def _key(label: str) -> str:
    """Equal for labels that a person may have meant as one."""
    if re.fullmatch(r"[-+]?\d+(\.\d*)?", label):
        return str(float(label))
    return re.sub(r"[\s_-]+", " ", label.casefold()).strip() or label


def _option(pairs: list[str]) -> str:
    return f"--labels {shlex.quote(','.join(pairs))}"


def _one_against_rest(names: pd.Series, chosen: str, source: str) -> pd.Series:
    known = sorted(set(names))
    if chosen not in known:
        raise DataError(
            f"label_of is {chosen!r}, and {source} has no such label but {some_of(known, 8)}"
            f"{did_you_mean(chosen, known)}"
        )
    return names.where(names == chosen, f"not {chosen}")
