"""Which of a study's trials a comparison is of, and how it shows itself."""

from pathlib import Path

import pytest

from pneumoray.comparing import comparison
from pneumoray.errors import StudyError
from pneumoray.grid import configurations
from pneumoray.stages.compare import Made, _meant
from pneumoray.study_file import parse
from pneumoray.study_folder import TrialRow

STUDY = {
    "name": "x",
    "race": "full",
    "backbones": ["resnet18"],
    "comparisons": {
        "rates": {"grid": {"lr": [0.1, 0.2]}},
        "sgd-rates": {"optimizer": "sgd", "grid": {"lr": [0.3, 0.4]}},
        "sizes": {"grid": {"image_size": [32, 64]}},
        "variants": {"arms": {"plain": {}, "wide": {"dropout": 0.5}}},
        "others": {"arms": {"same as plain": {}, "high": {"lr": 0.9}}},
    },
}


@pytest.fixture
def rows(trial_row):
    study = parse(STUDY)
    state = trial_row().state
    return study, [
        TrialRow(config.trial_id, "race", "FINISHED", "trained", config, state)
        for config in configurations(study)
    ]


def test_the_comparison_that_varies_the_axis_is_meant(rows):
    name, found, arms = _meant(*rows, ["image_size"], None)
    assert name == "sizes"
    assert sorted(row.config.image_size for row in found) == [32, 64]
    assert arms == {}


def test_several_that_vary_it_must_be_told_apart(rows):
    with pytest.raises(StudyError, match=r"in several comparisons.*--within from rates, sgd-rates"):
        _meant(*rows, ["lr"], None)
    _, found, _ = _meant(*rows, ["lr"], "sgd-rates")
    assert {(row.config.optimizer, row.config.lr) for row in found} == {("sgd", 0.3), ("sgd", 0.4)}
    with pytest.raises(StudyError, match=r"no comparison 'size'.*did you mean sizes"):
        _meant(*rows, ["lr"], "size")


def test_an_arm_keeps_its_name_though_another_comparison_has_the_same_trial(rows):
    names = {
        within: {name for name, _ in _meant(*rows, ["arm"], within)[2].values()}
        for within in ("variants", "others")
    }
    assert names == {"variants": {"plain", "wide"}, "others": {"same as plain", "high"}}


def test_an_axis_that_no_comparison_varies_is_looked_for_in_all(rows):
    name, found, _ = _meant(*rows, ["optimizer"], None)
    assert name == ""
    assert len(found) == len(rows[1])


def test_a_comparison_shows_itself_as_a_table(trial_row):
    rows = [trial_row((0.8,), lr=0.1), trial_row((0.9,), lr=0.2)]
    made = Made("mine", "", comparison.compare(rows, ["lr"], {}), Path("by-lr.html"))
    title, *table = repr(made).splitlines()
    assert title == "Study mine by lr"
    assert [line.split()[:2] for line in table if line.split()[0] in ("0.1", "0.2")] == [
        ["0.1", "0.8000"],
        ["0.2", "0.9000"],
    ]
    assert table[-1] == "by-lr.html"
    assert "overfits_from" in made.comparison.table()
    assert "overfits_from" not in made.table()
    assert ">0.9000</td>" in made._repr_html_()
