"""A trial's folder: weights, optimizer and all epoch records; complete or ignored.

    TRIAL/epoch-0007/model.safetensors   weights after epoch 7
                     best.safetensors    weights of the best epoch so far (a copy, never an alias)
                     val_predictions.csv of the best epoch
                     optimizer.pt        optimizer and schedule, read with weights_only
                     state.json          epoch, records, parameters, normalisation; the others' seal

While a trial is trained its two newest checkpoints are kept, afterwards one: where the newest is
damaged, training goes on from the one before. The new one is whole on disk before the oldest goes.
A damaged one is kept as TRIAL/damaged-epoch-0007, which nobody reads.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from pneumoray import artifact, damage
from pneumoray.epochs import EpochRecord, State
from pneumoray.errors import WorkspaceError
from pneumoray.predictions import Predictions

_FORMAT = 1  # of state.json; without one it is of a version that sealed nothing
_STATE = "state.json"
_BEST = ("best.safetensors", "val_predictions.csv")
_SEALED = ("model.safetensors", "optimizer.pt", *_BEST)


def is_begun(trial_folder: Path) -> bool:
    """Whether a trial has ended an epoch, whatever became of its files."""
    return bool(_checkpoints(trial_folder))


def starts_anew(trial_folder: Path) -> bool:
    """Whether a trial has no checkpoint to go on from; one that can't be read lets it not start."""
    try:
        return newest(trial_folder) is None
    except WorkspaceError:
        return False


def newest(trial_folder: Path) -> Path | None:
    """The newest whole checkpoint in a trial's folder, or None. Raises what `read_state` raises."""
    return _whole(trial_folder)[0]


def read_state(trial_folder: Path) -> State:
    """The state in the newest whole checkpoint; an empty State where there is none.

    Files that were cut off or are missing are noticed, as their sizes tell. Raises WorkspaceError
    when a state.json can't be read: without it nothing is known of its checkpoint.
    """
    return _whole(trial_folder)[1]


def examine(trial_folder: Path) -> tuple[State, str]:
    """What `read_state` gives or raises, and what is damaged in newer checkpoints, or ''."""
    _, state, damages = _whole(trial_folder)
    return state, "; ".join(damages)


def mend(trial_folder: Path) -> str:
    """Set aside what is damaged of the newest checkpoints until one is whole, and say so; or ''.

    Every byte of them is read. Call it where no other process trains the trial. Raises what
    `read_state` raises.
    """
    said = []
    for folder in _checkpoints(trial_folder):
        _, seal = _read(folder)
        why = damage.first_damage(folder, _SEALED, seal, thorough=True)
        if why is None:
            break
        said.append(f"{why}, set aside as {damage.set_aside(folder).name}")
    if not said:
        return ""
    epoch = read_state(trial_folder).epoch
    goes_on = f"goes on from epoch {epoch + 1}" if epoch else "begins again at epoch 1"
    return f"{'; '.join(said)}; training {goes_on}"


def drop_older(trial_folder: Path) -> None:
    """Keep the newest whole checkpoint alone, of a trial that is not trained any more."""
    kept = newest(trial_folder)
    for folder in _checkpoints(trial_folder):
        if kept is not None and folder != kept:
            shutil.rmtree(folder, ignore_errors=True)


def save(
    trial_folder: Path,
    state: State,
    model: Mapping[str, Tensor],
    optimizer: Mapping[str, Any],
    val: Predictions,
) -> Path:
    """Write the checkpoint of `state.epoch`, whole or absent, and drop all but the one before it.

    `val` are the validation predictions of this epoch; they and the weights are kept as the best
    where this epoch is the best so far, else the older best is carried over.
    """
    older = newest(trial_folder)
    known = _read(older)[1] if older else {}
    final = trial_folder / f"epoch-{state.epoch:04d}"
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.items()}
    with artifact.whole_folder(final, root=trial_folder, holds=_STATE) as draft:
        safetensors.torch.save_file(tensors, draft / "model.safetensors")
        torch.save(optimizer, draft / "optimizer.pt")
        seal = damage.seal(draft, ("model.safetensors", "optimizer.pt"))
        if older is None or (state.best and state.best.epoch == state.epoch):
            _link(draft / "model.safetensors", draft / "best.safetensors")
            val.save(draft / "val_predictions.csv")
            seal["best.safetensors"] = seal["model.safetensors"]
            seal |= damage.seal(draft, ["val_predictions.csv"])
        else:
            for name in _BEST:
                _link(older / name, draft / name)
            seal |= damage.seal(draft, _BEST, known)
        described = {"format": _FORMAT, **asdict(state), "files": seal}
        artifact.write_json(draft / _STATE, described)
    for folder in _checkpoints(trial_folder):
        if folder not in (older, final):
            shutil.rmtree(folder, ignore_errors=True)
    return final


def load_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(model weights, optimizer and schedule state) of one checkpoint folder, on the CPU.

    Raises WorkspaceError for a file that holds anything else: none of it is run.
    """
    readers: dict[str, Callable[[Path], dict[str, Any]]] = {
        "model.safetensors": safetensors.torch.load_file,
        "optimizer.pt": partial(torch.load, map_location="cpu", weights_only=True),
    }
    read = {}
    for name, reader in readers.items():
        try:
            read[name] = reader(folder / name)
        except (OSError, MemoryError):
            raise
        except (
            Exception
        ) as error:  # of many types; torch's text tells how to run what is in the file
            raise WorkspaceError(
                f"{folder / name} is damaged, or holds more than tensors, which could run code "
                f"({type(error).__name__}): move {folder.name} out of the trial's folder to go on from "
                "the checkpoint before"
            ) from None
    return read["model.safetensors"], read["optimizer.pt"]


def best_weights(trial_folder: Path) -> Path:
    """The file with the weights of the best epoch; every byte is as it was written.

    Raises WorkspaceError for a damaged one, and sets its checkpoint aside, so that it is trained again.
    """
    return _as_written(trial_folder, "best.safetensors")


def val_predictions(trial_folder: Path) -> Predictions:
    """Validation predictions of the best epoch. Raises what `best_weights` raises."""
    return Predictions.load(_as_written(trial_folder, "val_predictions.csv"))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _as_written(trial_folder: Path, name: str) -> Path:
    folder = newest(trial_folder)
    if folder is None:
        raise ValueError(f"{trial_folder} holds no complete checkpoint")
    why = damage.first_damage(folder, [name], _read(folder)[1], thorough=True)
    if why is not None:
        with contextlib.suppress(OSError):  # a workspace that we may only read
            damage.set_aside(folder)
        raise WorkspaceError(
            f"trial {trial_folder.name}: {why} in {folder.name}; 'pneumoray train-all' trains it again"
        )
    return folder / name


def _checkpoints(trial_folder: Path) -> list[Path]:
    """The folders of all checkpoints, the newest first."""
    found = (path.parent for path in trial_folder.glob(f"epoch-*/{_STATE}"))
    return sorted(found, key=lambda folder: (len(folder.name), folder.name), reverse=True)


def _whole(trial_folder: Path) -> tuple[Path | None, State, list[str]]:
    """The newest whole checkpoint, its state, and what is damaged in newer ones."""
    while True:
        listed = _checkpoints(trial_folder)
        damages: list[str] = []
        try:
            for folder in listed:
                state, seal = _read(folder)
                why = damage.first_damage(folder, _SEALED, seal, thorough=False)
                if why is None:
                    return folder, state, damages
                damages.append(f"{why} in {folder.name}")
        except WorkspaceError:
            if _checkpoints(trial_folder) == listed:
                raise
        if _checkpoints(trial_folder) == listed:  # else another process has just replaced one
            return None, State(), damages


def _read(folder: Path) -> tuple[State, damage.Seal]:
    try:
        values = json.loads((folder / _STATE).read_text("utf-8"))
        if (version := values.pop("format", _FORMAT)) != _FORMAT:
            raise ValueError(f"format {version}, this version reads {_FORMAT}")
        seal = {
            name: one | {"bytes": int(one["bytes"])}
            for name, one in values.pop("files", {}).items()
        }
        records = tuple(
            EpochRecord(**{name: value + 0 for name, value in record.items()})  # numbers alone
            for record in values.pop("records")
        )
        values |= {"mean": tuple(values["mean"]), "std": tuple(values["std"])}
        values["ranges"] = tuple(map(tuple, values.get("ranges", ())))  # none of older ones
        state = State(records=records, **values)
        if f"epoch-{state.epoch:04d}" != folder.name:
            raise ValueError(f"it is of epoch {state.epoch}")
        return state, seal
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkspaceError(
            f"{folder / _STATE} can't be read ({_in_words(error)}): update pneumoray if a newer "
            f"one wrote it, put back a copy of it, or move {folder.name} out of the trial's folder to go "
            "on from the checkpoint before"
        ) from None


def _in_words(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
