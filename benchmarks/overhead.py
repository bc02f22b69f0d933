"""Seconds that starting, Ray, imports and MLflow add to training, from a study's own journal.

    python benchmarks/overhead.py [--quick] [--others 1]

A small study on the demo's images, one trial at a time, by the command that a user types: with the
machine idle, then while other processes train beside it at the priority of trials. The Pack is made
beforehand. Each line of the journal has its time, and each epoch knows its seconds (training and
validation), so what remains between two lines is overhead. Goals: 15 s to the first step, 2 s per
race trial, 10 s per final run.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GOALS = {"to the first step": 15, "per race trial": 2, "per final run": 10}
LEARNING_RATES = [1e-3, 7e-4, 5e-4, 3e-4]
NICENESS = 15  # what Ray gives its workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--backbones", nargs="+", default=["resnet18", "efficientnet_b0", "mobilenetv3_small_100"]
    )
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--others", type=int, help="processes training beside it [default: all cores but one]"
    )
    parser.add_argument("--quick", action="store_true", help="does it run? Its figures say nothing")
    args = parser.parse_args()
    others = max(1, (os.cpu_count() or 2) - 1) if args.others is None else args.others
    rates = LEARNING_RATES[: 2 if args.quick else None]
    if args.quick:
        args.repeats, args.backbones = 1, args.backbones[-1:]
    found: dict[str, dict[str, list[float]]] = {"idle": {}, f"{others} training": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_study(args, folder, "warm", rates)
        pneumoray(folder, "pack", "warm")  # also fills the page cache with what is imported
        for turn in range(args.repeats):
            for number, machine in enumerate(found):
                study = f"turn{turn}-{number}"
                write_study(args, folder, study, rates)
                with busy(others * number):
                    start = time.time()
                    pneumoray(folder, "train-all", study, "--address", "local", "--device", "cpu")
                    end = time.time()
                for what, values in overheads(folder, study, start, end).items():
                    found[machine].setdefault(what, []).extend(values)
    print(f"seconds, median (most); {args.repeats} studies each on {os.cpu_count()} cores")
    print(f"{'':24}" + "".join(f"{machine:>18}" for machine in found) + "    goal")
    for what in found["idle"]:
        cells = [f"{statistics.median(v[what]):.1f} ({max(v[what]):.1f})" for v in found.values()]
        goal = GOALS.get(what, "")
        print(f"{what:24}" + "".join(f"{cell:>18}" for cell in cells) + f"{goal:>8}")


def write_study(args: argparse.Namespace, folder: Path, name: str, rates: list[float]) -> None:
    study = {
        "name": name,
        "data": "synthetic",
        "image_size": args.size,
        "epochs": 3,
        "race": {"rungs": [1], "eta": len(rates)},
        "backbones": args.backbones,
        "grid": {"lr": rates},
    }
    (folder / f"{name}.yaml").write_text(json.dumps(study))  # JSON is YAML


def pneumoray(folder: Path, command: str, study: str, *options: str) -> None:
    line = [sys.executable, "-m", "pneumoray", command, "--study", folder / f"{study}.yaml"]
    line += ["--workspace", folder / "workspace", *options]
    line += ["--max-concurrent", "1"] if command == "train-all" else []
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout}\n{done.stderr}")


def overheads(folder: Path, study: str, start: float, end: float) -> dict[str, list[float]]:
    """What one study's journal says, in seconds. Trials ran one after the other."""
    journal = folder / "workspace" / "studies" / study / "journal.jsonl"
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    stage, found = {}, {what: [] for what in GOALS}
    found |= {"per epoch": [], "after the last epoch": []}
    epochs: list[dict[str, Any]] = []
    for record in records:
        if record["type"] == "trial":
            stage[record["trial"]] = record["stage"]
        elif record["type"] == "epoch":
            epochs.append(record | {"stage": stage[record["trial"]]})
    found["to the first step"].append(began(epochs[0]) - start)
    for before, epoch in itertools.pairwise(epochs):
        same = (before["trial"], before["stage"]) == (epoch["trial"], epoch["stage"])
        what = "per epoch" if same else {"race": "per race trial", "final": "per final run"}
        key = what if isinstance(what, str) else what[epoch["stage"]]
        found[key].append(began(epoch) - before["time"])
    found["after the last epoch"].append(end - epochs[-1]["time"])
    return found


def began(epoch: dict[str, Any]) -> float:
    """When an epoch's first step began; its checkpoint, written in between, counts as overhead."""
    return epoch["time"] - epoch["record"]["seconds"]


@contextlib.contextmanager
def busy(num: int) -> Iterator[None]:
    """Other processes that train for the length of a `with` block."""
    context = multiprocessing.get_context("spawn")
    started = context.Barrier(num + 1)
    processes = [context.Process(target=train_forever, args=(started,)) for _ in range(num)]
    for process in processes:
        process.start()
    started.wait()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def train_forever(started) -> None:
    import torch

    from pneumoray.models import zoo
    from pneumoray.models.architecture import Architecture

    torch.set_num_threads(1)
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    model = zoo.build(Architecture("resnet18", image_size=64), 2).train()
    images = torch.randn(32, 1, 64, 64).contiguous(memory_format=torch.channels_last)
    started.wait()
    while True:
        model(images).sum().backward()


if __name__ == "__main__":
    main()
