"""Seconds of processor time to save a trial's checkpoint, against the same files without a seal.

    python benchmarks/checkpoint.py [--quick] [--backbones mobilenetv3_small_050 resnet18 vgg11]

Both sides take turns; ratios are of one turn, and their median counts. The networks have drawn weights
and an optimizer after one step. Epochs are the best so far in every other turn, as in a study that
still gets better: then more is written.

sealed      `checkpoint.save`: weights, optimizer, validation predictions, state, and the size and hash of
            each file, by which damage is noticed.
bare        the same calls of safetensors, torch and JSON into a folder, each file synced to disk.
examined    the share of `sealed` that a resume takes to read every byte again (`checkpoint.mend`).
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import timm
import torch

from pneumoray import checkpoint
from pneumoray.epochs import EpochRecord, State
from pneumoray.predictions import Predictions

NUM_VAL = 800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--backbones", nargs="+", default=["mobilenetv3_small_050", "resnet18", "vgg11"]
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="does it run? Its figures say nothing")
    args = parser.parse_args()
    if args.quick:
        args.backbones, args.epochs = args.backbones[:1], 3
    torch.set_num_threads(1)
    print(f"{'':24}{'MiB':>8}{'sealed s':>10}{'ratio to bare (least to most)':>34}{'examined':>10}")
    for backbone in args.backbones:
        model, optimizer = trained(backbone)
        with tempfile.TemporaryDirectory() as folder:
            trial, plain = Path(folder, "trial"), Path(folder, "plain")
            sealed, ratios, state = [], [], State(mean=(0.5,), std=(0.2,))
            for epoch in range(1, args.epochs + 1):
                state = State((*state.records, record(epoch)), mean=(0.5,), std=(0.2,))
                job = (state, model, optimizer, predictions())
                ours = seconds(checkpoint.save, trial, *job)
                bare = seconds(save_plainly, plain / str(epoch), *job)
                shutil.rmtree(plain)
                sealed.append(ours)
                ratios.append(ours / bare)
            examined = seconds(checkpoint.mend, trial)
            newest = checkpoint.newest(trial)
            assert newest is not None
            size = sum(file.stat().st_size for file in newest.iterdir()) / 2**20
        least, most, typical = min(ratios[1:]), max(ratios[1:]), statistics.median(ratios[1:])
        spread = f"{typical:.2f} ({least:.2f} to {most:.2f})"
        median = statistics.median(sealed[1:])
        print(f"{backbone:24}{size:8.0f}{median:10.3f}{spread:>34}{examined / median:10.2f}")


def trained(backbone: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state of a network and of its optimizer after one step."""
    model = timm.create_model(backbone, num_classes=2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.rand(2, 3, 64, 64)).sum().backward()
    optimizer.step()
    return model.state_dict(), {"optimizer": optimizer.state_dict(), "schedule": {}}


def record(epoch: int) -> EpochRecord:
    val_auroc = 0.5 + epoch / 100 if epoch % 2 else 0.1
    return EpochRecord(epoch, 0.6, 0.7, 0.8, 0.5, 0.9, val_auroc, 1e-3, 100.0, 2.0)


def predictions() -> Predictions:
    ids = [str(i) for i in range(NUM_VAL)]
    images = pd.DataFrame({"id": ids, "label": [i % 2 for i in range(NUM_VAL)], "group": ids})
    return Predictions(images, np.full((NUM_VAL, 2), 0.5), ("NORMAL", "PNEUMONIA"))


def save_plainly(
    folder: Path, state: State, model: dict[str, Any], optimizer: dict[str, Any], val: Predictions
) -> None:
    folder.mkdir(parents=True)
    safetensors.torch.save_file(model, folder / "model.safetensors")
    torch.save(optimizer, folder / "optimizer.pt")
    if state.best and state.best.epoch == state.epoch:
        val.save(folder / "val_predictions.csv")
    (folder / "state.json").write_text(json.dumps(asdict(state), indent=1))
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def seconds(call: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    call(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    main()
