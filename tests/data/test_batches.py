from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from pneumoray.data.augment import PRESETS
from pneumoray.data.batches import EvalBatches, TrainBatches, _one_ahead, _reader

NONE, WIDE = PRESETS["none"], PRESETS["wide"]


@pytest.fixture(params=[1, 3], ids=["grey", "rgb"])
def pack(request):
    """A stand-in with what batches use of a Pack: 25 images, each of them a constant grey level."""
    pixels = np.arange(25, dtype=np.uint8)[:, None, None, None] * 10
    pixels = np.broadcast_to(pixels, (25, 16, 16, request.param))
    labels = pd.DataFrame({"label": np.arange(25) % 3})
    return SimpleNamespace(pixels=pixels, manifest=SimpleNamespace(images=labels))


def train_batches(pack, rows=None, batch_size=4, augment=NONE, seed=0, **sharding):
    channels = pack.pixels.shape[3]
    rows = np.arange(25) if rows is None else np.asarray(rows)
    statistics = [0.0] * channels, [1.0] * channels
    return TrainBatches(pack, rows, batch_size, augment, *statistics, seed, "cpu", **sharding)


def grey_levels(images):
    return (images[:, 0, 0, 0] * 25.5).round().long()


def test_batches_are_normalised_channels_last_floats_with_their_own_labels(pack):
    channels = pack.pixels.shape[3]
    batches = TrainBatches(
        pack, np.arange(25), 4, NONE, [0.5] * channels, [0.25] * channels, 0, "cpu"
    )
    for images, labels in batches(epoch=1):
        assert images.shape == (4, channels, 16, 16)
        assert images.dtype == torch.float32
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert images.stride()[1] == 1
        assert labels.dtype == torch.int64
        levels = ((images[:, 0, 3, 5] * 0.25 + 0.5) * 25.5).round().long()
        assert torch.equal(labels, levels % 3)


def test_an_epoch_shows_each_row_once_and_drops_the_last_partial_batch(pack):
    batches = train_batches(pack, rows=range(3, 14))  # 11 rows
    assert (batches.num_steps, batches.num_images) == (2, 8)
    levels = torch.cat([grey_levels(images) for images, _ in batches(1)]).tolist()
    assert len(levels) == len(set(levels)) == 8
    assert set(levels) <= set(range(3, 14))


def test_the_only_batch_is_kept_even_when_it_is_not_full(pack):
    batches = train_batches(pack, rows=[7, 8, 9])
    assert (batches.num_steps, batches.num_images) == (1, 3)
    ((images, _),) = batches(1)
    assert sorted(grey_levels(images).tolist()) == [7, 8, 9]


@pytest.mark.parametrize("augment", [NONE, WIDE], ids=["none", "wide"])
def test_the_same_seed_and_epoch_give_the_same_bits(pack, augment):
    def bits(seed, epoch):
        batches = train_batches(pack, augment=augment, seed=seed)
        return torch.cat([images for images, _ in batches(epoch)])

    assert torch.equal(bits(1, 2), bits(1, 2))
    assert not torch.equal(bits(1, 2), bits(1, 3))
    assert not torch.equal(bits(1, 2), bits(2, 1))


@pytest.mark.parametrize("rows", [range(25), range(3, 9)], ids=["several", "one partial"])
@pytest.mark.parametrize("world_size", [2, 3])
def test_workers_together_see_the_bits_that_one_worker_would_see(pack, rows, world_size):
    setting = {"rows": rows, "batch_size": 8, "augment": WIDE}
    alone = train_batches(pack, **setting)
    shards = [
        train_batches(pack, **setting, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    assert {shard.num_steps for shard in shards} == {alone.num_steps}
    assert {shard.num_images for shard in shards} == {alone.num_images}
    dealt = zip(alone(5), *(shard(5) for shard in shards), strict=True)
    for (images, labels), *parts in dealt:
        for rank, (part_images, part_labels) in enumerate(parts):
            assert torch.equal(part_images, images[rank::world_size])
            assert torch.equal(part_labels, labels[rank::world_size])


@pytest.mark.parametrize(
    ("rows", "batch_size", "world_size"), [([1, 2], 8, 3), (range(25), 2, 3), ([], 4, 1)]
)
def test_a_worker_without_images_is_refused(pack, rows, batch_size, world_size):
    with pytest.raises(ValueError, match="cannot be dealt"):
        train_batches(pack, np.array(rows, dtype=int), batch_size, world_size=world_size)


def test_evaluation_goes_through_all_rows_in_order_and_again(pack):
    channels = pack.pixels.shape[3]
    rows = np.array([20, 3, 4, 24, 0])
    batches = EvalBatches(pack, rows, 2, [0.0] * channels, [1.0] * channels, "cpu")
    assert (len(batches), batches.num_steps, batches.num_images) == (3, 3, 5)
    for _ in range(2):
        seen = list(batches)
        assert [len(labels) for _, labels in seen] == [2, 2, 1]
        assert torch.cat([grey_levels(images) for images, _ in seen]).tolist() == rows.tolist()
        assert torch.cat([labels for _, labels in seen]).tolist() == (rows % 3).tolist()


def test_reading_one_ahead_gives_the_same_pixels_in_the_same_order(pack):
    rows = np.arange(5, 20)
    positions = torch.arange(15).split(4)
    read = _reader(pack.pixels, rows, torch.device("cpu"))
    plain = [pixels for batch in positions for pixels in read([batch])]
    ahead = list(_one_ahead(lambda batch: next(iter(read([batch]))), positions))
    assert [len(pixels) for pixels in ahead] == [4, 4, 4, 3]
    assert all(map(torch.equal, plain, ahead))
    assert list(_one_ahead(lambda batch: batch, [])) == []


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device here; run it on a machine with one"
)
@pytest.mark.parametrize("resident_bytes", [0, 2**30], ids=["mapped", "resident"])
def test_an_accelerator_gets_the_order_of_the_cpu(pack, resident_bytes, monkeypatch):
    monkeypatch.setattr("pneumoray.data.batches.RESIDENT_BYTES", resident_bytes)
    channels = pack.pixels.shape[3]
    setting = (pack, np.arange(25), 4, NONE, [0.0] * channels, [1.0] * channels, 0)
    for (expected, _), (images, _) in zip(
        TrainBatches(*setting, "cpu")(1), TrainBatches(*setting, "cuda")(1), strict=True
    ):
        torch.testing.assert_close(images.cpu(), expected)
