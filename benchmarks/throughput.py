"""Training images per second of real trials, against the bare step and the notebooks' way.

    python benchmarks/throughput.py [--quick] [--backbone resnet18] [--size 64] [--data FOLDER]

All sides take turns, so that the machine's drift falls on each alike; ratios are of one turn, and
their median counts. Every side trains at the same low priority, with its page cache warm.

pneumoray   `train-all` on full epochs, trials side by side: batches, wide augmentation, step,
            metrics, checkpoint, reports through Tune, journal, MLflow. From the first epoch's line
            in the journal to the last one's, less the validation passes, which no other side makes.
(a)         only forward, backward and step, on batches already in memory: grey, channels_last, fused
            AdamW; as many processes of one thread as there are trials.
(b)         ImageFolder + DataLoader(2 workers) on JPEGs of 1320 x 992, RGB, NCHW, Adam, torch's own
            number of threads, only a flip for augmentation; one endless epoch, so that starting the
            loader's workers costs it nothing.
(c)         (b) on images resized beforehand.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

SHARED = Path(os.environ.get("PNEUMORAY_SHARED", Path(__file__).parents[1] / "../shared"))
BATCH_SIZE = 32
ORIGINAL_SIZE = (1320, 992)  # of the original X-rays
NICENESS = 15  # what Ray gives its workers
WARM_UP_STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--data", type=Path, help="an image folder [default: X-rays, else demo]")
    parser.add_argument("--trials", type=int, default=2, help="trials side by side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=40, help="of (a), (b) and (c) in a round")
    parser.add_argument(
        "--epochs", type=int, default=1, help="measured in a round, after the first"
    )
    parser.add_argument(
        "--jpegs", type=int, default=400, help="that (b) and (c) read over and over"
    )
    parser.add_argument("--resized", type=int, nargs="*", help="px of (c) [default: 224, --size]")
    parser.add_argument("--quick", action="store_true", help="does it run? Its figures say nothing")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds, args.jpegs = 1, 3, 60
    sizes = [224, args.size] if args.resized is None else args.resized
    with tempfile.TemporaryDirectory() as folder:
        data = find_data(args, Path(folder))
        notebooks = {"(b) notebook, JPEGs of 1320 x 992": ORIGINAL_SIZE}
        notebooks |= {f"(c) notebook, resized to {size} px": (size, size) for size in sizes}
        for jpeg_size in notebooks.values():
            write_jpegs(data, jpeg_folder(folder, jpeg_size), args.jpegs, jpeg_size)
        sides: dict[str, Callable[[int], float]] = {
            f"pneumoray, {args.trials} trials": lambda turn: real_trials(args, data, folder, turn),
            f"(a) bare step, {args.trials} processes": lambda turn: together(
                bare_step, args.trials, args
            ),
        }
        for name, jpeg_size in notebooks.items():
            sides[name] = lambda turn, size=jpeg_size: together(
                notebook, 1, args, jpeg_folder(folder, size)
            )
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(args.rounds):
            for name, side in sides.items():
                rates[name].append(side(turn))
                print(f"turn {turn + 1}  {name:36}{rates[name][-1]:8.1f} images/s", flush=True)
    report(args, rates)


def report(args: argparse.Namespace, rates: dict[str, list[float]]) -> None:
    ours, *others = rates
    goals = {"(a)": "0.95", "(b)": "2.2"}
    print(f"\n{args.backbone} @ {args.size}, medians of {args.rounds} turns")
    print(f"{'':36}images/s  pneumoray against it  (least to most)  goal")
    print(f"{ours:36}{statistics.median(rates[ours]):8.1f}")
    for name in others:
        ratios = [a / b for a, b in zip(rates[ours], rates[name], strict=True)]
        print(
            f"{name:36}{statistics.median(rates[name]):8.1f}  {statistics.median(ratios):20.2f}"
            f"  {min(ratios):6.2f} to {max(ratios):<6.2f}  {goals.get(name[:3], '')}"
        )


# The images


def find_data(args: argparse.Namespace, folder: Path) -> Path:
    """The folder to train on. A quick run takes the demo's: its epochs are short."""
    from pneumoray.data.demo import make_demo

    xrays = SHARED / "data" / "chest_xray"
    if args.data or (xrays.exists() and not args.quick):
        return (args.data or xrays).resolve()
    return make_demo(folder / "demo", scale=0.3 if args.quick else 5)


def write_jpegs(data: Path, folder: Path, num: int, size: tuple[int, int]) -> None:
    """Some of the training images at another size, one folder a class as ImageFolder wants it."""
    found = sorted(path for path in data.glob("train/*/*") if path.suffix.lower() == ".jpeg")
    for path in random.Random(0).sample(found, min(num, len(found))):
        target = folder / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            image.convert("L").resize(size, Image.Resampling.BICUBIC).save(target, quality=92)


def jpeg_folder(folder: str, size: tuple[int, int]) -> Path:
    return Path(folder) / f"jpegs-{size[0]}x{size[1]}"


# The real thing


def real_trials(args: argparse.Namespace, data: Path, folder: str, turn: int) -> float:
    """Trials of a study of its own, each from scratch; the Pack is made in the first turn."""
    name, workspace = f"turn{turn}", Path(folder) / "workspace"
    study = {
        "name": name,
        "image_size": args.size,
        "batch_size": BATCH_SIZE,
        "augment": "wide",
        "schedule": "constant",
        "epochs": args.epochs + 1,
        "race": "full",
        "backbones": [args.backbone],
        "grid": {"seed": list(range(args.trials))},
    }
    path = Path(folder) / f"{name}.yaml"
    path.write_text(json.dumps(study))  # JSON is YAML
    command = [sys.executable, "-m", "pneumoray", "train-all", "--study", path, "--data", data]
    command += ["--workspace", workspace, "--address", "local", "--device", "cpu"]
    command += ["--max-concurrent", str(args.trials)]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"train-all failed:\n{done.stdout}\n{done.stderr}")
    journal = workspace / "studies" / name / "journal.jsonl"
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    num_train = next(r for r in records if r["type"] == "study")["pack"]["num_train"]
    num_images = num_train // BATCH_SIZE * BATCH_SIZE
    by_trial: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["type"] == "epoch":
            by_trial.setdefault(record["trial"], []).append(record)
    return sum(rate_of_trial(epochs, num_images) for epochs in by_trial.values())


def rate_of_trial(epochs: list[dict[str, Any]], num_images: int) -> float:
    later = [epoch["record"] for epoch in epochs[1:]]
    validation = sum(r["seconds"] - num_images / r["images_per_second"] for r in later)
    seconds = epochs[-1]["time"] - epochs[0]["time"]
    return len(later) * num_images / (seconds - validation)


# What it is compared with: each in processes of its own


def together(function: Callable[..., Iterator[None]], num: int, args, *more: Any) -> float:
    """Images per second of `num` processes that start their clocks together."""
    context = multiprocessing.get_context("spawn")
    barrier, rates = context.Barrier(num), context.Queue()
    processes = [
        context.Process(target=timed, args=(function, barrier, rates, args, *more))
        for _ in range(num)
    ]
    for process in processes:
        process.start()
    total = sum(rates.get() for _ in processes)
    for process in processes:
        process.join()
    return total


def timed(function: Callable[..., Iterator[None]], barrier, rates, args, *more: Any) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    steps = function(args, *more)
    for _ in range(WARM_UP_STEPS):
        next(steps)
    barrier.wait()
    start, num_steps = time.perf_counter(), 0
    while (seconds := time.perf_counter() - start) < args.seconds:
        next(steps)
        num_steps += 1
    rates.put(num_steps * BATCH_SIZE / seconds)


def bare_step(args: argparse.Namespace) -> Iterator[None]:
    import torch

    from pneumoray.models import zoo
    from pneumoray.models.architecture import Architecture
    from pneumoray.training import optim

    torch.set_num_threads(1)
    model = zoo.build(Architecture(args.backbone, image_size=args.size), 2).train()
    optimizer = optim.build_optimizer(model, "adamw", 1e-3, 0.01, 0.9, None)
    loss_function = optim.build_loss(0.0, None)
    images = torch.randn(8, BATCH_SIZE, 1, args.size, args.size)
    labels = torch.randint(2, (8, BATCH_SIZE))
    batches = [
        (x.contiguous(memory_format=torch.channels_last), y)
        for x, y in zip(images, labels, strict=True)
    ]
    for x, y in itertools.cycle(batches):
        loss = loss_function(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield


def notebook(args: argparse.Namespace, folder: Path) -> Iterator[None]:
    import timm
    import torch
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [
            transforms.Resize((args.size, args.size)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    images = datasets.ImageFolder(str(folder), transform)
    endless = torch.utils.data.RandomSampler(images, replacement=True, num_samples=10**7)
    loader = torch.utils.data.DataLoader(images, BATCH_SIZE, sampler=endless, num_workers=2)
    model = timm.create_model(args.backbone, num_classes=len(images.classes)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = torch.nn.CrossEntropyLoss()
    running_loss = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        yield


if __name__ == "__main__":
    main()
