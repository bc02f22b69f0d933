"""Images per second of `pneumoray predict`, against the bare forward passes of the same members.

    python benchmarks/predict.py [--quick] [--data FOLDER] [--size 64] [--backbones vgg11_bn resnet18 ...]

Both sides take turns, so that the machine's drift falls on each alike; ratios are of one turn, and
their median counts. Beside other work only the processor time says something. The members have drawn
weights: what they say takes as long as if it were true.

predict     `stages.predict.predict` on image files in a warm page cache: reading, decoding, resizing,
            forward passes, vote, rows. Starting Python and opening the model are left out.
bare        only the members' forward passes, on batches of 64 already in memory, normalised and
            channels_last; as many threads side by side as there are cores, one core each.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from pneumoray import bundle
from pneumoray.data.demo import make_demo
from pneumoray.data.read import map_threads, num_cores
from pneumoray.data.unlabelled import list_files
from pneumoray.member import Member
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture
from pneumoray.stages.predict import predict
from pneumoray.stream import BATCH_IMAGES

SHARED = Path(os.environ.get("PNEUMORAY_SHARED", Path(__file__).parents[1] / "../shared"))
ORIGINAL_SIZE = (1320, 992)  # of the original X-rays
Rates = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="an image folder [default: X-rays, else demo]")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--size", type=int, default=64, help="px that the members see")
    parser.add_argument(
        "--backbones", nargs="+", default=["vgg11_bn", "resnet18", "tf_efficientnet_lite0"]
    )
    parser.add_argument("--original", action="store_true", help="enlarge the files to 1320 x 992")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="does it run? Its figures say nothing")
    args = parser.parse_args()
    if args.quick:
        args.images, args.rounds = 128, 1
    with tempfile.TemporaryDirectory() as folder:
        files = find_files(args, Path(folder))
        save_members(args, Path(folder) / "model")
        rates: dict[str, list[Rates]] = {"predict": [], "bare": []}
        for turn in range(args.rounds):
            rates["predict"].append(of_predict(files, Path(folder) / "model"))
            rates["bare"].append(of_forward_passes(len(files), Path(folder) / "model"))
            for name, values in rates.items():
                wall, processor = values[-1]
                print(
                    f"turn {turn + 1}  {name:8}{wall:8.1f} images/s {processor:8.1f} per core second"
                )
    print(f"\n{' + '.join(args.backbones)} @ {args.size}, {len(files)} files, {num_cores()} cores")
    for i, unit in enumerate(("images a second", "images a second of processor time")):
        ours, bare = ([rate[i] for rate in values] for values in rates.values())
        ratios = [a / b for a, b in zip(ours, bare, strict=True)]
        print(
            f"{unit:34}{statistics.median(ours):8.1f} against {statistics.median(bare):8.1f}: "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal 0.85"
        )


def find_files(args: argparse.Namespace, folder: Path) -> list[Path]:
    """Some of the X-rays, or of the demo's images; a quick run takes the demo's."""
    xrays = SHARED / "data" / "chest_xray"
    data = args.data or xrays
    if not args.data and (args.quick or not xrays.exists()):
        data = make_demo(folder / "demo", scale=0.3 if args.quick else 5)
    files = list_files([data])[: args.images]
    if not args.original:
        return files
    (folder / "original").mkdir()
    enlarged = [folder / "original" / f"{i}.jpeg" for i in range(len(files))]
    for file, target in zip(files, enlarged, strict=True):
        with Image.open(file) as image:
            image.convert("L").resize(ORIGINAL_SIZE, Image.Resampling.BICUBIC).save(target)
    return enlarged


def save_members(args: argparse.Namespace, folder: Path) -> None:
    members, states = [], []
    for name in args.backbones:
        architecture = Architecture(name, image_size=args.size)
        members.append(Member(name, name, architecture, "squeeze", 1.0, (0.5,), (0.25,)))
        states.append(zoo.build(architecture, 2).state_dict())
    described = bundle.Bundle(tuple(members), ("NORMAL", "PNEUMONIA"), 0.8, 0.4)
    bundle.save(described, states, folder)


def timed(num_of_each: Iterator[int]) -> Rates:
    """Images per second, and per second of processor time; what comes first is only warming up."""
    next(num_of_each)
    wall, processor = time.perf_counter(), time.process_time()
    num_images = sum(num_of_each)
    return num_images / (time.perf_counter() - wall), num_images / (time.process_time() - processor)


def of_predict(files: list[Path], model: Path) -> Rates:
    return timed(len(table) for table in predict(files, model, device="cpu"))


def of_forward_passes(num_images: int, model: Path) -> Rates:
    opened = bundle.load(model)
    batches = [
        torch.randn(BATCH_IMAGES, 1, member.view.size, member.view.size).contiguous(
            memory_format=torch.channels_last
        )
        for member in opened.members
    ]

    def forward(_: int) -> int:
        torch.set_num_threads(1)
        with torch.inference_mode():
            for network, images in zip(opened.models, batches, strict=True):
                network(images)
        return BATCH_IMAGES

    return timed(map_threads(forward, range(num_images // BATCH_IMAGES)))


if __name__ == "__main__":
    main()
