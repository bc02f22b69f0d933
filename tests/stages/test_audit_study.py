"""`pneumoray audit --study`: who judges, what is looked at, and what is printed, of a study made by hand."""

import json
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from pneumoray import checkpoint, journal
from pneumoray.checkpoint import EpochRecord, State
from pneumoray.data.folder import scan
from pneumoray.data.pack import ImageSettings, make_pack
from pneumoray.data.split import resplit
from pneumoray.errors import DataError, StudyError
from pneumoray.grid import configurations
from pneumoray.predictions import Predictions
from pneumoray.stages.audit_study import audit_study
from pneumoray.study_file import parse
from pneumoray.terminal.main import main
from pneumoray.workspace import open_workspace

EPOCHS = 2
STUDY = parse(
    {
        "name": "small",
        "backbones": ["resnet18", "vgg11_bn"],
        "image_size": 32,
        "epochs": EPOCHS,
        "race": "full",
        "seeds": 2,
        "grid": {"lr": [1e-3, 1e-4]},
    }
)
RESNET, WORSE_RESNET, VGG = 0.95, 0.9, 0.8  # validation AUROC of the configurations


@pytest.fixture
def place(tmp_path, draw_xrays, monkeypatch):
    """A workspace with the study 'small': eight trials, to whose models one label looks wrong.

    PNEUMONIA is brighter in its Pack. The worse ResNets say the contrary of every label.
    """
    monkeypatch.setenv("COLUMNS", "80")
    xrays = draw_xrays(tmp_path / "xrays", num_patients=40)
    place = open_workspace(tmp_path / "ws")
    fractions = {"val_fraction": 0.25, "test_fraction": 0.2, "seed": 0}
    pack, _ = make_pack(
        *scan(xrays), ImageSettings(32), place.packs, resplit=partial(resplit, **fractions)
    )
    folder = place.study("small")
    folder.claim(STUDY, {"32px squeeze grey": pack.hash}, False, {"leaks_allowed": False})
    written = journal.Journal(folder.journal)
    written.append("study", study="small", config=STUDY.model_dump())
    images = pack.manifest.of_split("val")
    labels = images["label"].to_numpy()
    sure = np.where(np.arange(len(labels)) == 3, 1 - labels, labels)  # image 3 looks wrong
    for config in configurations(STUDY):
        is_resnet, is_worse = config.backbone == "resnet18", config.lr == 1e-4
        score = (WORSE_RESNET if is_worse else RESNET) if is_resnet else VGG - is_worse / 10
        said = 1 - labels if is_worse else sure
        noise = 0.1 + 0.05 * np.random.default_rng(config.seed).random(len(labels))
        probs = np.stack([1 - np.abs(said - noise), np.abs(said - noise)], axis=1)
        _train(written, folder, config, score, Predictions(images, probs, pack.manifest.classes))
    place.remember("small")
    return place


def _train(written, folder, config, score, val, epochs=EPOCHS):
    written.append("trial", trial=config.trial_id, stage="race")
    for epoch in range(1, epochs + 1):
        records = tuple(
            EpochRecord(n, 0.5, 0.5, 0.5, 0.4, 0.5, score, 0.5, 10.0, 30.0)
            for n in range(1, epoch + 1)
        )
        state = State(records, 1, 1, (0.5,), (0.5,))
        checkpoint.save(folder.trial(config.trial_id), state, {"w": torch.zeros(1)}, {}, val)
    written.append("end", trial=config.trial_id, status="FINISHED", outcome="trained", reason=None)


def invoke(*arguments):
    return CliRunner().invoke(main, ["audit", "--workspace", "ws", *map(str, arguments)])


def doubtful(place):
    """The id of validation image 3."""
    (pack,) = place.packs.glob("*/manifest.csv")
    table = pd.read_csv(pack)
    return table[table["split"] == "val"]["id"].iloc[3]


def test_the_champions_judge_with_all_their_seeds(place):
    found = audit_study("small", workspace=place.root)
    best = [c for c in configurations(STUDY) if c.lr == 1e-3]
    assert len(best) == 4
    assert set(found.models) == {config.trial_id for config in best}


def test_the_label_that_they_contradict_is_listed_and_nothing_else(place):
    found = audit_study(workspace=place.root)
    assert found.suspects["image"].tolist() == [doubtful(place)]
    finding = found.findings[0]
    assert (finding.kind, finding.image_ids) == ("label-error", (doubtful(place),))
    assert (found.num_judged, found.num_learned) == (40, 88)
    table = found.images_table()
    assert table.columns.tolist() == [
        *("finding", "severity", "image", "split", "patient", "class", "looks_like"),
        *("prob_class", "prob_looks_like"),
    ]
    assert table[["finding", "split"]].values.tolist() == [["label-error", "val"]]


def test_what_is_planted_in_the_pixels_is_a_shortcut(place):
    found = audit_study(workspace=place.root)
    scores = found.properties.set_index("property")
    assert scores["auroc"]["brightness"] > 0.95
    assert "width" not in scores.index  # all are 40 x 36
    (shortcut,) = (one for one in found.findings if one.kind == "shortcut")
    assert shortcut.severity == "note"
    assert "brightness (AUROC " in shortcut.message


def test_no_pixel_of_the_test_split_is_looked_at(place):
    """With other pixels there, every number stays."""
    before = audit_study(workspace=place.root)
    assert before.num_looked_at == before.num_judged + before.num_learned
    (pixels,) = place.packs.glob("*/pixels.u8")
    table = pd.read_csv(pixels.parent / "manifest.csv")
    stored = np.memmap(pixels, dtype=np.uint8, mode="r+", shape=(len(table), 32, 32, 1))
    stored[np.flatnonzero(table["split"] == "test")] = 0
    stored.flush()
    pd.testing.assert_frame_equal(audit_study(workspace=place.root).properties, before.properties)


def test_before_a_trial_has_ended_there_is_nothing_to_say(place):
    folder = place.study("small")
    shutil.rmtree(folder.path / "trials")
    with pytest.raises(StudyError, match="no model is trained to its full budget yet: run"):
        audit_study(workspace=place.root)


def test_a_pack_that_is_gone_is_made_again_by_training(place):
    shutil.rmtree(place.packs)
    with pytest.raises(DataError, match=r"no complete pack .*train-all' makes it again"):
        audit_study(workspace=place.root)


def test_the_terminal_shows_suspects_properties_and_findings_in_80_columns(place, monkeypatch):
    monkeypatch.chdir(place.root.parent)
    result = invoke("--study", "small")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("study small: 4 models, together AUROC 0.9")
    assert "on 40 validation images, from whose labels none learned" in lines[0]
    rows = [line.split() for line in lines]
    at = rows.index(["image", "label", "looks", "like", "prob"])
    assert rows[at + 1][0] == doubtful(place)
    assert {"NORMAL", "PNEUMONIA"} <= set(rows[at + 1])
    assert any(row[:2] == ["brightness", "PNEUMONIA"] and row[-1] == "shortcut" for row in rows)
    tables = lines[2 : lines.index("", at + 5)]
    assert max(map(len, tables)) <= 80
    assert [line.split()[1] for line in lines if line.startswith("note")] == [
        "label-error,",
        "shortcut:",
    ]


def test_programs_get_one_object_and_a_file(place, monkeypatch):
    monkeypatch.chdir(place.root.parent)
    result = invoke("--study", "small", "--json", "--csv", "images.csv")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["study"] == "small"
    assert [row["image"] for row in found["suspects"]] == [doubtful(place)]
    assert [one["kind"] for one in found["findings"]] == ["label-error", "shortcut"]
    assert {row["property"] for row in found["properties"]} >= {"all together", "sharpness"}
    table = pd.read_csv("images.csv")
    assert table["image"].tolist() == [doubtful(place)]


def test_a_study_that_is_not_there_is_one_line(place, monkeypatch):
    monkeypatch.chdir(place.root.parent)
    result = invoke("--study", "smal")
    assert result.exit_code == 1
    assert "holds no study 'smal': choose from small; did you mean small?" in result.stderr
    assert len(result.stderr.splitlines()) == 1
