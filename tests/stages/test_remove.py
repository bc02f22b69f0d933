"""Removing a study: what goes, what stays, and who is refused."""

import pytest

from pneumoray.errors import StudyError, WorkspaceError
from pneumoray.stages.remove import remove
from pneumoray.study_file import parse
from pneumoray.workspace import open_workspace


@pytest.fixture
def place(tmp_path):
    """A workspace with the studies a, b and c; b is the last trained, a and b share a Pack."""
    place = open_workspace(tmp_path / "ws")
    for name, packs in {"a": "1" * 64, "b": "1" * 64, "c": "2" * 64}.items():
        study = parse({"name": name, "backbones": ["resnet18"]})
        place.study(name).claim(study, {"64px": packs}, False, {"leaks_allowed": False})
        (place.packs / packs[:16]).mkdir(parents=True, exist_ok=True)
    place.remember("b")
    (place.root / "openings.jsonl").write_text('{"type": "opening"}\n')
    (place.root / "mlflow.db").write_text("")
    return place


def test_a_study_goes_and_all_else_stays(place):
    openings = (place.root / "openings.jsonl").read_bytes()
    removed = remove("a", workspace=place.root)
    assert place.studies() == ["b", "c"]
    assert not place.study("a").path.exists()
    assert (removed.study, removed.reports, removed.idle_packs) == ("a", None, [])
    assert (place.root / "openings.jsonl").read_bytes() == openings
    assert (place.root / "mlflow.db").exists()
    assert place.find(None).name == "b"


def test_packs_that_no_other_study_uses_are_named_and_stay(place):
    removed = remove("c", workspace=place.root)
    assert removed.idle_packs == [place.packs / ("2" * 16)]
    assert removed.idle_packs[0].is_dir()
    assert remove("a", workspace=place.root).idle_packs == []
    assert remove("b", workspace=place.root).idle_packs == [place.packs / ("1" * 16)]


def test_the_last_trained_is_forgotten_with_it(place):
    remove("b", workspace=place.root)
    with pytest.raises(StudyError, match="several studies"):
        place.find(None)
    remove("a", workspace=place.root)
    assert place.find(None).name == "c"


def test_a_study_in_use_is_refused_before_anyone_is_asked(place):
    asked = []
    with (
        place.study("a").locked(),
        pytest.raises(WorkspaceError, match="in use by another process"),
    ):
        remove("a", workspace=place.root, confirm=asked.append)
    assert asked == []
    assert place.studies() == ["a", "b", "c"]


def test_what_confirm_raises_stops_it(place):
    def refuse(folder):
        assert folder.name == "a"
        assert folder.is_locked()  # no one begins to train it meanwhile
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remove("a", workspace=place.root, confirm=refuse)
    assert place.studies() == ["a", "b", "c"]
    assert place.find(None).name == "b"


@pytest.mark.parametrize("name", ["d", "../ws/studies/a", ".", ""])
def test_what_is_no_study_is_refused(place, name):
    with pytest.raises(StudyError, match=r"holds no study .* choose from a, b, c"):
        remove(name, workspace=place.root)
    assert place.studies() == ["a", "b", "c"]


def test_the_rest_of_a_removal_that_was_killed_is_no_study_and_is_swept(place):
    rest = place.root / "studies" / ".a.tmp-1"
    place.study("a").path.rename(rest)
    assert place.studies() == ["b", "c"]
    with pytest.raises(StudyError, match="holds no study 'a'"):
        remove("a", workspace=place.root)
    assert not rest.exists()


def test_a_damaged_study_can_be_removed(place):
    (place.study("a").path / "study.json").write_text("{")
    remove("a", workspace=place.root)
    assert place.studies() == ["b", "c"]
