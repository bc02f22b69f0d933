import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from pneumoray.data.pseudonyms import KEY, TABLE, Pseudonyms, hidden, is_pseudonym, look_up
from pneumoray.errors import WorkspaceError


def test_a_name_is_its_keyed_hash(tmp_path):
    key = bytes(range(32))
    (tmp_path / KEY).write_text(key.hex())
    expected = hmac.new(key, b"patient\x000042", hashlib.sha256).hexdigest()[:16]
    assert Pseudonyms(tmp_path).of_patient("0042") == expected
    assert is_pseudonym(Pseudonyms(tmp_path).of_image("NORMAL/a"))
    assert not is_pseudonym("NORMAL/a.dcm")


def test_names_last_as_long_as_the_workspace(tmp_path):
    first, again, other = Pseudonyms(tmp_path), Pseudonyms(tmp_path), Pseudonyms(tmp_path / "other")
    assert first.of_image("a.dcm") == again.of_image("a.dcm") != other.of_image("a.dcm")
    assert first.of_patient("a") != first.of_study("a")
    assert Pseudonyms().of_patient("a") != Pseudonyms().of_patient("a")
    assert first.of_patient("") == first.of_study("") == ""


def test_of_many_that_begin_at_once_all_use_one_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: Pseudonyms(tmp_path).of_patient("a"), range(40)))
    assert len(names) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_key_and_table_are_for_the_owner_alone(tmp_path):
    pseudonyms = Pseudonyms(tmp_path)
    pseudonyms.note({pseudonyms.of_image("b"): "/films/b, of a,b"})
    pseudonyms.note({pseudonyms.of_image("a"): "/films/a"})
    for name in (KEY, TABLE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert look_up(tmp_path) == {
        pseudonyms.of_image("a"): "/films/a",
        pseudonyms.of_image("b"): "/films/b, of a,b",
    }
    assert look_up(tmp_path / "other") == {}


def test_nothing_is_written_where_nothing_is_named(tmp_path):
    Pseudonyms(tmp_path / "ws")
    Pseudonyms().note({"a": "b"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "no key", "00ff"])
def test_a_damaged_key_is_refused(tmp_path, text):
    (tmp_path / KEY).write_text(text)
    with pytest.raises(WorkspaceError, match=r"pseudonyms\.key holds no key that can be read"):
        Pseudonyms(tmp_path).of_patient("a")


def test_a_key_that_is_lost_is_not_made_anew_in_silence(tmp_path):
    pseudonyms = Pseudonyms(tmp_path)
    pseudonyms.note({pseudonyms.of_image("a"): "/films/a"})
    (tmp_path / KEY).unlink()
    with pytest.raises(WorkspaceError, match=r"put back a copy of it; without one, remove it and"):
        Pseudonyms(tmp_path).of_patient("a")


def test_only_the_paths_behind_pseudonyms_are_hidden():
    secret = Pseudonyms().of_image("a")
    images = pd.DataFrame({"id": [secret, "b.png"], "path": ["/films/a", "/films/b.png"]})
    assert hidden(images)["path"].tolist() == [secret, "/films/b.png"]
    assert hidden(images[1:]) is not None
    assert hidden(images[1:])["path"].tolist() == ["/films/b.png"]


@pytest.mark.parametrize("text", ["id;path\na;b\n", "a,b\n", ""])
def test_a_table_that_another_program_has_saved_is_read_or_refused_in_one_line(tmp_path, text):
    (tmp_path / "pseudonyms.csv").write_text("\ufeffid,path\na.dcm,x/1\n")
    assert look_up(tmp_path) == {"a.dcm": "x/1"}
    (tmp_path / "pseudonyms.csv").write_text(text)
    with pytest.raises(WorkspaceError, match=r"pseudonyms\.csv is no table of ids and paths"):
        look_up(tmp_path)
