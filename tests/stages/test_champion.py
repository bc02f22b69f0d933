"""What a study's champions are called: one name, one model."""

import pytest

from pneumoray import tracking
from pneumoray.errors import StudyError
from pneumoray.stages.champion import check_names
from pneumoray.workspace import Workspace


@pytest.fixture
def place(tmp_path):
    """A workspace with study a, whose families are resnet and b-c."""
    for name in ("study.json", "models/resnet/bundle.json", "models/b-c/bundle.json"):
        file = tmp_path / "studies" / "a" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    return Workspace(tmp_path)


@pytest.mark.parametrize(
    ("study", "family", "message"),
    [
        (
            "a-b",
            "c",
            "registered model pneumoray-a-b-c is family b-c of study a, and would be family c",
        ),
        ("a-resnet", "x", None),
        ("A", "x", "studies a and A would be one folder on some systems"),
        ("a", "b-c", None),  # the study itself, trained on
        ("b", "b-c", None),
    ],
)
def test_a_name_that_another_study_has_is_refused(place, study, family, message):
    if message is None:
        check_names(place, study, [family], tracking.Settings())
    else:
        with pytest.raises(StudyError) as caught:
            check_names(place, study, [family], tracking.Settings())
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_name_of_a_vote_is_one_too(place):
    vote = place.root / "studies" / "a" / "models" / "x-ensemble" / "bundle.json"
    vote.parent.mkdir()
    vote.write_text("{}")
    with pytest.raises(
        StudyError, match="pneumoray-a-x-ensemble is family x-ensemble of study a, and"
    ):
        check_names(place, "a-x", ["resnet"], tracking.Settings())


def test_names_that_the_settings_keep_apart_are_taken(place):
    check_names(place, "a-b", ["c"], tracking.Settings(model="{study} of {family}"))
