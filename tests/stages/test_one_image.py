"""Batch norm over one value is told before anything trains; what can train is left alone."""

import pytest

from pneumoray.config import Config
from pneumoray.stages.one_image import smallest_batch, tell_one_image_batches


@pytest.mark.parametrize(
    ("batch_size", "workers", "num_train", "smallest"),
    [
        (16, 1, 100, 16),
        (16, 1, 5, 5),
        (1, 1, 100, 1),
        (4, 4, 100, 1),
        (8, 4, 100, 2),
        (63, 3, 5, 1),
    ],
)
def test_the_smallest_batch_of_a_worker(batch_size, workers, num_train, smallest):
    config = Config(backbone="resnet10t", batch_size=batch_size, workers=workers)
    assert smallest_batch(config, num_train) == smallest


@pytest.mark.parametrize(
    ("backbone", "image_size", "batch_size", "num_train", "fails"),
    [
        ("resnet10t", 32, 1, 100, True),  # its last stage is 1x1
        ("resnet10t", 64, 1, 100, False),  # and 2x2 here
        ("resnet10t", 32, 2, 100, False),
        ("resnet10t", 32, 16, 1, True),  # a larger batch than there are images
        ("C4-P-F-D", 32, 1, 100, False),  # has no batch norm
    ],
)
def test_only_what_will_fail_is_told(backbone, image_size, batch_size, num_train, fails):
    config = Config(backbone=backbone, image_size=image_size, batch_size=batch_size)
    said = []
    tell_one_image_batches([config, config], num_train, 2, said.append)
    assert len(said) == fails
    if fails:
        assert said[0]["text"].startswith(
            f"{backbone} with batch_size {batch_size} will fail: batch"
        )
        assert "raise batch_size to two images a worker or more" in said[0]["text"]


def test_a_network_that_fails_otherwise_is_left_to_its_trial():
    """alexnet can't take 32 px: its trial says so, and the others of the study go on."""
    said = []
    config = Config(backbone="alexnet", image_size=32, batch_size=1)
    tell_one_image_batches([config], 100, 2, said.append)
    assert said == []
