"""Trials that will fail because batch norm sees one value per channel: told before anything trains."""

from collections.abc import Iterable

import torch

from pneumoray import faults
from pneumoray.config import Config
from pneumoray.models import freeze, zoo
from pneumoray.stages.prepare import OnEvent


def smallest_batch(config: Config, num_train: int) -> int:
    """Images that the worker with the fewest gets in a step, of `num_train` in all."""
    return min(config.batch_size, num_train) // config.workers


def tell_one_image_batches(
    configs: Iterable[Config], num_train: int, num_classes: int, on_event: OnEvent
) -> None:
    """Say of each network that gets one image at a time why it can't train on that, if it can't.

    Only such networks are built here, and see one black image.
    """
    told = set()
    for config in configs:
        network = config.architecture, config.freeze
        if smallest_batch(config, num_train) != 1 or network in told:
            continue
        told.add(network)
        try:
            model = zoo.build(config.architecture, num_classes)
            freeze.freeze(model, config.backbone, config.freeze)
            with torch.no_grad():
                model.train()(torch.zeros(1, config.in_chans, config.image_size, config.image_size))
        except Exception as error:  # any other is its trial's to say: the rest of the study goes on
            if words := faults.known(error):
                text = f"{config.backbone} with batch_size {config.batch_size} will fail: {words}"
                on_event({"type": "note", "text": text})
