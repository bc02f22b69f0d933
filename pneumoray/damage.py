"""Damage to files that were whole: seen by what a folder's seal says of them, and never deleted.

A seal is the size and the SHA-256 of each file, as it was written. The size costs nothing to compare,
so a file that was cut off is seen whenever the folder is looked at; SHA-256 also sees zeros in place
of what a power loss took, and is compared where the files are about to be read anyway. What torch
saves has a checksum of each of its parts in it, so of that two thirds of a checkpoint nothing more
is computed when it is written.
"""

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors

from pneumoray import artifact

Seal = Mapping[str, Mapping[str, Any]]  # file -> {"bytes": size, "sha256": hex; none of a .pt}
_NOTHING: Seal = {}
_ZIP = ".pt"  # what torch.save writes


def seal(
    folder: Path, names: Iterable[str], known: Seal = _NOTHING
) -> dict[str, Mapping[str, Any]]:
    """The seal of the files `names` in `folder`; what is `known` of a file is not read again."""
    return {name: known[name] if name in known else _seal(folder / name) for name in names}


def _seal(path: Path) -> dict[str, Any]:
    sealed: dict[str, Any] = {"bytes": path.stat().st_size}
    return sealed if path.suffix == _ZIP else sealed | {"sha256": artifact.sha256_file(path)}


def first_damage(folder: Path, names: Iterable[str], seal: Seal, thorough: bool) -> str | None:
    """Which of the files `names` is not as it was written, and how; None where all are.

    `thorough` reads every byte. A file without a seal was written by an earlier version: of it is
    seen what its own format tells, and that it is missing only where it is about to be read.
    """
    for name in names:
        path, known = folder / name, seal.get(name)
        if known is None and not thorough and not path.exists():
            continue
        try:
            size = path.stat().st_size
            if known is None:
                if (why := _unreadable(path)) is not None:
                    return f"{name} is damaged ({why})"
            elif size != known["bytes"]:
                return f"{name} is damaged ({size:,} of {known['bytes']:,} bytes are there)"
            if thorough and _is_changed(path, known):
                return f"{name} is damaged (its bytes are not those that were written)"
        except FileNotFoundError:
            return f"{name} is missing"
        except OSError as error:
            return f"{name} can't be read ({error.strerror or error})"
    return None


def set_aside(folder: Path) -> Path:
    """Give `folder` a name that no reader looks for, beside where it was; return that."""
    target, number = folder.with_name(f"damaged-{folder.name}"), 1
    while target.exists():
        number += 1
        target = folder.with_name(f"damaged-{folder.name}-{number}")
    os.rename(folder, target)
    return target


def _is_changed(path: Path, known: Mapping[str, Any] | None) -> bool:
    """Whether any byte is not as it was written, as far as can be known."""
    if path.suffix == _ZIP:
        try:
            with zipfile.ZipFile(path) as parts:
                return parts.testzip() is not None
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError):
            return True
    return known is not None and artifact.sha256_file(path) != known.get("sha256")


def _unreadable(path: Path) -> str | None:
    if path.stat().st_size == 0:
        return "it is empty"
    if path.suffix == ".safetensors":
        try:
            with safetensors.safe_open(path, "np"):
                return None
        except safetensors.SafetensorError as error:
            return str(error)
    if path.suffix == _ZIP and not zipfile.is_zipfile(path):
        return "its end is missing"
    return None
