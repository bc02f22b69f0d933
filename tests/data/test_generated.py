import pytest

from pneumoray import artifact
from pneumoray.data.generated import make_once
from pneumoray.errors import DataError


def draw(folder):
    (folder / "A").mkdir()
    (folder / "A" / "x.txt").write_text("x")


def refuse(folder):
    pytest.fail("was drawn again")


def test_it_is_drawn_once_and_marked_with_what_it_follows_from(tmp_path):
    folder = make_once(tmp_path / "set", "toys", {"seed": 1}, draw)
    assert folder == tmp_path / "set"
    assert (folder / "A" / "x.txt").read_text() == "x"
    assert artifact.read_json(folder / "toys.json") == {"seed": 1}
    assert make_once(folder, "toys", {"seed": 1}, refuse) == folder


@pytest.mark.parametrize(("what", "about"), [("toys", {"seed": 2}), ("trees", {"seed": 1})])
def test_another_set_is_refused_in_one_line_and_left_alone(tmp_path, what, about):
    folder = make_once(tmp_path / "set", "toys", {"seed": 1}, draw)
    with pytest.raises(DataError, match=f"is not this {what} data set; delete it") as error:
        make_once(folder, what, about, refuse)
    assert "\n" not in str(error.value)
    assert make_once(folder, "toys", {"seed": 1}, refuse) == folder


def test_a_drawing_that_fails_leaves_nothing(tmp_path):
    def fail(folder):
        draw(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_once(tmp_path / "set", "toys", {}, fail)
    assert list(tmp_path.iterdir()) == []
