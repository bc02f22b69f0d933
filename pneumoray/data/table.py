"""A CSV table of images: its columns known, its cells checked, its rows one an image."""

import os
import shlex
from pathlib import Path

import pandas as pd

from pneumoray.data.columns import (
    KNOWN_COLUMNS,
    NAMES_WITHOUT_SUFFIX,
    Columns,
    find_columns,
    letters,
    missing_column,
)
from pneumoray.data.csv_file import read_csv
from pneumoray.data.dicom_join import joined, key_of
from pneumoray.data.folder_names import SPLIT_NAMES
from pneumoray.data.labels import MISSING
from pneumoray.data.manifest import FILE_COLUMNS, OWN_COLUMNS, Finding, Understood
from pneumoray.data.places import find_places, image_id, missing_suffix, shown
from pneumoray.data.rules import Rules
from pneumoray.data.table_labels import one_label_each, one_row_each
from pneumoray.errors import DataError, counted, did_you_mean, some_of


def list_table(
    csv: Path, root: Path, rules: Rules
) -> tuple[Path, pd.DataFrame, list[Finding], list[Understood]]:
    """The rows of `csv` with id, path, label (a name), split, where it has it patient, and more."""
    cells = read_csv(csv, "columns path and label")
    key = key_of(list(cells.columns))
    cells, findings = joined(cells, csv, root)
    columns = find_columns(csv, cells, rules.columns)
    table, renamed = _with_known(cells, columns)
    findings += renamed
    table, left_out = _without_missing(csv, table, rules)
    findings += left_out
    table, left_out = one_label_each(csv, table, rules, root)
    findings += left_out
    table["split"] = _splits(csv, table, rules)
    num_rows = len(table)
    is_name = letters(columns.of["path"]) in NAMES_WITHOUT_SUFFIX
    ids = [image_id(path, root) for path in table["path"]]
    table["id"], elsewhere = find_places(ids, root, with_suffix=not is_name)
    findings += elsewhere
    if rules.label_of is not None:
        table = one_row_each(table, rules.label_of)
    own = [name for name in table.columns if name not in ("path", columns.of["path"])]
    table = table.drop_duplicates(own, ignore_index=True)
    if num_rows > len(table):
        repeated = num_rows - len(table)
        verb = "repeats" if repeated == 1 else "repeat"
        message = f"{counted(repeated, 'row')} of the table {verb} another row"
        findings.append(Finding("repeated-rows", "handled", message))
    _check_one_row_an_image(csv, table, root)
    table["path"] = [str(root / name) for name in table["id"]]
    table = stat_columns(table)
    if not table["mtime_ns"].any():
        suffix = missing_suffix(table["id"].iloc[0], root)
        hint = "name the folder that its paths start from with --images"
        if suffix:
            hint = f"its file is {shown(suffix, root)}: write whole names into the table"
        raise DataError(
            f"none of the {counted(len(table), 'image')} in {csv.name} is found, such as "
            f"{shown(table['path'][0], root)}; {hint}"
        )
    understood = [Understood(0, csv.name, f"images below {root}/")]
    understood += [
        Understood(1, known, f"column {key if key and known == 'path' else columns.of[known]}")
        if known in columns.of
        else Understood(1, known, "none")
        for known in KNOWN_COLUMNS
    ]
    return root, table, findings, understood


def stat_columns(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with FILE_COLUMNS of each path; 0 where nothing is found."""
    stats = []
    for path in table["path"]:
        try:
            stat = os.stat(path)
            stats.append((stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        except (OSError, ValueError):  # a name that no file can have; reading it will say so
            stats.append((0, 0, 0))
    return table.assign(
        **{name: [stat[i] for stat in stats] for i, name in enumerate(FILE_COLUMNS)}
    )


def paths_of(cells: pd.DataFrame, csv: Path) -> list[str]:
    """The cells of the column path, in any case. Raises DataError without it."""
    for name in cells.columns:
        if name.casefold() == "path":
            return [str(cell) for cell in cells[name].str.strip()]
    raise missing_column(csv, list(cells.columns), "path", labelled=False)


def _with_known(cells: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, list[Finding]]:
    """The known columns under our names, and the table's own; those whose name is taken renamed."""
    findings = list(columns.findings)
    sources = {name for known, name in columns.of.items() if name.casefold() == known}
    own = cells.drop(columns=list(sources))
    taken = {c for c in own.columns if c in OWN_COLUMNS or c.startswith("prob_")}
    if clashes := [c for c in own.columns if c in taken]:
        own = own.rename(columns={name: f"table_{name}" for name in clashes})
        message = (
            f"columns {', '.join(clashes)} of the table are kept as table_..., the names are taken"
        )
        findings.append(Finding("renamed-columns", "note", message))
    known = {name: cells[source].str.strip() for name, source in columns.of.items()}
    return own.assign(**known), findings


def _without_missing(
    csv: Path, table: pd.DataFrame, rules: Rules
) -> tuple[pd.DataFrame, list[Finding]]:
    """Missing words are no patient and no split; a row without a label is refused, or left out."""
    findings = []
    if len(empty := table.index[table["path"] == ""]):
        raise DataError(f"{csv} has no path in row {empty[0] + 2}; fill it in or delete the row")
    for name in {"patient", "split"} & set(table.columns):
        is_missing = table[name].isin(MISSING)
        words = sorted(set(table.loc[is_missing, name]) - {""})
        if words:
            message = (
                f"{counted(int(is_missing.sum()), 'row')} of the table have no {name} "
                f"({', '.join(words)} {'is' if len(words) == 1 else 'are'} read as missing)"
            )
            findings.append(Finding("missing-words", "handled", message))
        table[name] = table[name].mask(is_missing, "")
    unlabelled = table["label"].isin(MISSING - set(rules.labels))
    if not unlabelled.any():
        return table, findings
    words = sorted(set(table.loc[unlabelled, "label"]) - {""})
    what = f"{counted(int(unlabelled.sum()), 'row')} of {len(table):,}"
    if "unlabelled" in rules.leave_out:
        message = f"left out {what} of the table, which have no label"
        findings.append(Finding("unlabelled", "handled", message))
        return table[~unlabelled].reset_index(drop=True), findings
    said = f" ({', '.join(words)})" if words else ""
    kept = shlex.quote(",".join(f"{word}={word}" for word in words))
    keep = f", or say --labels {kept} if that is a class" if words else ""
    raise DataError(
        f"{csv} has no label in row {table.index[unlabelled][0] + 2}, and in {what} in all{said}: fill "
        f"it in, or leave such rows out with --leave-out unlabelled{keep}"
    )


def _splits(csv: Path, table: pd.DataFrame, rules: Rules) -> list[str]:
    """The split of each row: a word that says one, or what `folders` say of it."""
    given = table.get("split", pd.Series([""] * len(table), dtype=str))
    known = dict(SPLIT_NAMES) | {"": ""}
    own = {name.casefold(): role for name, role in rules.folders.items()}
    known |= {name: role for name, role in own.items() if role in SPLIT_NAMES}
    words = sorted({str(word) for word in given} - {""})
    unknown = [word for word in words if word.casefold() not in known]
    if unknown and any(word.casefold() in own for word in words):
        known |= {word.casefold(): "train" for word in unknown}  # the folds that nobody chose
    elif unknown:
        pairs = ",".join(f"{w}={s}" for w, s in zip(unknown, ("test", "val"), strict=False))
        raise DataError(
            f"{csv} has the split {unknown[0]!r}; use {', '.join(SPLIT_NAMES)}, leave it empty, or say "
            f"which one it is, as --folders {pairs}{did_you_mean(unknown[0], SPLIT_NAMES)}"
        )
    return [known[word.casefold()] for word in given]


def _check_one_row_an_image(csv: Path, table: pd.DataFrame, root: Path) -> None:
    twice = table[table["id"].duplicated(keep=False)]
    if twice.empty:
        return
    rows = twice[twice["id"] == twice["id"].iloc[0]]
    labels = sorted(set(rows["label"]))
    what = f"several labels ({some_of(labels)})" if len(labels) > 1 else "several different rows"
    ways = " learn one against all others with --label-of, or" if len(labels) > 1 else ""
    name = shown(rows["id"].iloc[0], root)
    raise DataError(
        f"{csv} gives {name} {what} ({counted(twice['id'].nunique(), 'image')} in all "
        f"stand in several rows);{ways} keep one row an image"
    )
