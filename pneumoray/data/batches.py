"""From a Pack to normalised batches on the device, in an order fixed by (seed, epoch)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from pneumoray.data.augment import Augment, apply, draw_table, seeded
from pneumoray.data.pack import Pack

Batch = tuple[Tensor, Tensor]  # images (B, C, H, W) float32 channels_last, labels (B,) int64
RESIDENT_BYTES = 2 * 2**30  # smaller sets of rows move to an accelerator whole


class TrainBatches:
    """Shuffled, augmented batches of a Pack's rows: call it with the epoch and iterate.

    Each global batch of `batch_size` is dealt out to the workers, batch[rank::world_size], so that
    together they see exactly what one worker alone would see. The last batch is left out when it is
    not full, unless it is the only one. `num_images` are those of an epoch over all workers,
    `num_steps` the batches of an epoch. `mean` and `std` are per channel, on [0, 1].

    Raises ValueError when a batch has fewer images than there are workers.
    """

    def __init__(
        self,
        pack: Pack,
        rows: np.ndarray,
        batch_size: int,
        augment: Augment,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int,
        device: torch.device | str,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.num_steps = max(1, len(rows) // batch_size)
        self.num_images = min(len(rows), self.num_steps * batch_size)
        if self.num_images // self.num_steps < world_size:
            raise ValueError(
                f"a batch of {self.num_images // self.num_steps} images cannot be dealt to "
                f"{world_size} workers: ask for fewer workers or larger batches"
            )
        self.device = torch.device(device)
        self._batch_size, self._augment, self._seed = batch_size, augment, seed
        self._num_rows = len(rows)
        self._mine = slice(rank, None, world_size)
        self._labels = _labels(pack, rows, self.device)
        self._read = _reader(pack.pixels, rows, self.device)
        self._normalise = _normaliser(mean, std, self.device)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        order = torch.randperm(self._num_rows, generator=seeded(self._seed, epoch, 0))
        batches = order[: self.num_images].split(self._batch_size)
        mine = torch.cat([batch[self._mine] for batch in batches])
        sizes = [len(batch[self._mine]) for batch in batches]
        # The whole epoch's parameters and labels move at once: no copy to the device in a step.
        table = draw_table(self._augment, self._num_rows, self._seed, epoch)[mine].to(self.device)
        labels = self._labels[mine.to(self.device)]
        read = self._read(mine.split(sizes))
        steps = zip(read, table.split(sizes), labels.split(sizes), strict=True)
        for pixels, parameters, targets in steps:
            yield self._normalise(apply(_scale(pixels), parameters, self._augment)), targets


class EvalBatches:
    """Batches of a Pack's rows in their order, without augmentation; iterate as often as you like.

    `num_images` and `num_steps` count one pass; `mean` and `std` are per channel, on [0, 1].
    """

    def __init__(
        self,
        pack: Pack,
        rows: np.ndarray,
        batch_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device | str,
    ) -> None:
        self.num_images = len(rows)
        self.num_steps = -(-len(rows) // batch_size)
        self.device = torch.device(device)
        self._batch_size = batch_size
        self._labels = _labels(pack, rows, self.device)
        self._read = _reader(pack.pixels, rows, self.device)
        self._normalise = _normaliser(mean, std, self.device)

    def __len__(self) -> int:
        return self.num_steps

    def __iter__(self) -> Iterator[Batch]:
        positions = torch.arange(self.num_images).split(self._batch_size)
        labels = self._labels.split(self._batch_size)
        for pixels, targets in zip(self._read(positions), labels, strict=True):
            yield self._normalise(_scale(pixels)), targets


def _labels(pack: Pack, rows: np.ndarray, device: torch.device) -> Tensor:
    labels = pack.manifest.images["label"].to_numpy(dtype=np.int64)[rows]
    return torch.from_numpy(labels).to(device)


def _scale(pixels: Tensor) -> Tensor:
    """(B, H, W, C) uint8 -> (B, C, H, W) float32 in [0, 1], channels_last as it already lies."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def _normaliser(
    mean: Sequence[float], std: Sequence[float], device: torch.device
) -> Callable[[Tensor], Tensor]:
    """A function that normalises a batch it may overwrite."""
    mean_, std_ = (torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (mean, std))

    def normalise(images: Tensor) -> Tensor:
        return images.sub_(mean_).div_(std_).contiguous(memory_format=torch.channels_last)

    return normalise


def _reader(
    pixels: np.ndarray, rows: np.ndarray, device: torch.device
) -> Callable[[Iterable[Tensor]], Iterator[Tensor]]:
    """A function from batches of positions in `rows` to (B, H, W, C) uint8 batches on the device.

    On a CPU the memory map is read as it is: trials share its pages. An accelerator holds a small
    set whole; from a larger one a thread fetches the next batch while this one is worked on.
    """

    def fetch(positions: Tensor) -> Tensor:
        return torch.from_numpy(pixels[rows[positions.numpy()]]).to(device)

    if device.type == "cpu":
        return lambda batches: map(fetch, batches)
    if len(rows) * pixels[0].nbytes < RESIDENT_BYTES:
        resident = torch.from_numpy(pixels[rows]).to(device)
        return lambda batches: (resident[positions.to(device)] for positions in batches)
    return lambda batches: _one_ahead(fetch, batches)


def _one_ahead(function: Callable[[Tensor], Tensor], items: Iterable[Tensor]) -> Iterator[Tensor]:
    """`map`, with the next call already running in a thread."""
    with ThreadPoolExecutor(1) as thread:
        waiting = None
        for item in items:
            waiting, ready = thread.submit(function, item), waiting
            if ready:
                yield ready.result()
        if waiting:
            yield waiting.result()
