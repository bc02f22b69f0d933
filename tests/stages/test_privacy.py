"""Nothing that names a patient of a DICOM film leaves, but for the key and the table beside it."""

import json
import stat

import pytest

pytest.importorskip("pydicom", reason="pip install 'pneumoray[dicom]'")
import planted
from click.testing import CliRunner

from pneumoray.data.pseudonyms import KEY, TABLE, look_up
from pneumoray.terminal.main import main

STUDY = "{name: tiny, image_size: 32, backbones: [C4-P-F-D]}"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(STUDY)

    def call(*words: str) -> str:
        result = CliRunner().invoke(main, [*words, "--workspace", "ws"])
        assert not planted.names(result.output.encode()), result.output
        assert not planted.names(result.stderr.encode())
        return result.stdout

    return call


def test_no_planted_name_is_in_what_audit_and_pack_say_or_write(tmp_path, run):
    films = str(planted.plant(tmp_path / "ZZPLANTED_ward"))
    said = json.loads(run("audit", films, "--json"))
    assert {finding["kind"] for finding in said} >= {"dicom", "unreadable", "burned-in", "no-image"}
    run("audit", films)
    run("pack", "--study", "tiny.yaml", "--data", films)
    assert (tmp_path / "ws/packs").is_dir()
    assert planted.found_in(tmp_path / "ws", apart=(TABLE,)) == []


def test_the_planted_names_would_be_found(tmp_path):
    planted.plant(tmp_path / "films", num_patients=1)
    assert len(planted.found_in(tmp_path / "films")) == 8  # two folders, four films, two others


def test_the_owner_alone_can_look_the_names_up(tmp_path, run):
    planted.plant(tmp_path / "films")
    said = json.loads(run("audit", "films", "--json"))
    for name in (KEY, TABLE):
        assert stat.S_IMODE((tmp_path / "ws" / name).stat().st_mode) == 0o600
    [broken] = [finding for finding in said if finding["kind"] == "unreadable"]
    path = look_up(tmp_path / "ws")[broken["image_ids"][0]]
    assert path.endswith("NORMAL/ZZPLANTED_N002^JANE/ZZPLANTEDN002_4")
