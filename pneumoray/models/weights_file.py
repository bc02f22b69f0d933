"""Files of weights in a folder: which one, whether it is the published one, and what it holds."""

import itertools
import os
import pickle
import re
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from pneumoray import artifact
from pneumoray.errors import WeightsError
from pneumoray.models import names, zoo

FOLDER_VARIABLE = "PNEUMORAY_WEIGHTS"
SUFFIXES = (".safetensors", ".pth")


def find(where: str, backbone: str) -> Path | None:
    """The backbone's file in the folder that `where` names, if it does and has one.

    BACKBONE.safetensors, BACKBONE-HASH.safetensors or the same as .pth, the first of these; of a
    name that timm has given up for another, else by the present one.
    Raises WeightsError for a folder that is not there.
    """
    folder = _folder(where)
    if folder is None:
        return None
    for stem, suffix in itertools.product(_stems(backbone), SUFFIXES):
        pattern = re.compile(rf"{re.escape(stem)}(-[0-9a-f]{{8,64}})?{re.escape(suffix)}")
        for file in sorted(folder.iterdir()):
            if pattern.fullmatch(file.name):
                return file
    return None


def _stems(backbone: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(stem_of, (backbone, names.present_name(backbone)))))


def _folder(where: str) -> Path | None:
    if where == "package":
        return None
    if where == "pretrained":
        where = os.environ.get(FOLDER_VARIABLE, "")
        if not where:
            return None
    folder = Path(where)
    if not folder.is_dir():
        raise WeightsError(
            f"there is no weights folder {folder}; name an existing one "
            f"(in weights: or {FOLDER_VARIABLE}), or use weights: package, hub or none"
        )
    return folder


def stem_of(backbone: str) -> str:
    """What the file of a backbone is called: its name, or that of its own function."""
    return backbone.rpartition(":")[2]


def checked_sha256(file: Path, backbone: str) -> str:
    """The file's SHA-256, which is that beside it or in its name. Raises WeightsError else."""
    actual = artifact.sha256_file(file)
    stem = max((one for one in _stems(backbone) if file.name.startswith(one)), key=len)
    sidecar = file.with_name(f"{stem}.sha256")
    if sidecar.exists():
        written = sidecar.read_text("utf-8")  # as sha256sum writes
        expected = written.partition(" ")[0].strip().lower()
    else:
        expected = file.stem.removeprefix(stem).removeprefix("-")
    if len(expected) < 8:
        raise WeightsError(
            f"{file} has no hash to check; write its publisher's SHA-256 into {sidecar.name} "
            f"beside it (the file's is {actual})"
        )
    if not actual.startswith(expected):
        raise WeightsError(
            f"{file} has the SHA-256 {actual[:12]}, expected was {expected[:12]!r}; copy the file again"
        )
    return actual


def read(file: Path) -> dict[str, Tensor]:
    """The state dict in a file, which runs no code. Raises WeightsError for anything else."""
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)  # training checkpoints wrap it
        if not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise ValueError("it holds more than a table of tensors")
        return state
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{file} can't be read as weights (it is damaged, or holds more than tensors, which could "
            "run code and is not opened); it has to hold a plain state dict"
        ) from error
    except Exception as error:  # damaged files raise a dozen kinds
        raise WeightsError(
            f"{file} can't be read as weights ({zoo.first_line(error)}); "
            "it has to hold a plain state dict"
        ) from error
