"""How many epochs a study trains, counted by hand."""

import pytest

from pneumoray.grid import configurations
from pneumoray.stages.plan import epochs_a_trial, num_epochs
from pneumoray.study_file import parse

BASE = {"name": "x", "backbones": ["resnet18"], "epochs": 15, "grid": {"lr": [0.1, 0.2, 0.3, 0.4]}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"race": "full"}, 4 * 15),
        ({"race": "full", "seeds": 3}, 3 * 4 * 15),
        ({"race": {"rungs": [3], "eta": 4}}, 4 * 3 + 12),
        ({"race": {"rungs": [3], "eta": 4}, "seeds": 3}, 3 * (4 * 3 + 12)),
        ({"race": {"rungs": [2, 5], "eta": 2}}, 4 * 2 + 2 * 3 + 10),
        ({"race": "full", "grid": {"epochs": [5, 10]}}, 15),
    ],
)
def test_epochs_that_a_backbone_trains(fields, expected):
    study = parse(BASE | fields)
    configs = configurations(study)
    assert num_epochs(study, configs) == expected
    assert epochs_a_trial(study, configs) == {"resnet18": expected / len(configs)}
