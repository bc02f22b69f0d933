"""A model's name means a study's newest vote or best champion, or a folder; and it takes paths."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import pneumoray
from pneumoray.errors import DataError, StudyError, WeightsError, WorkspaceError
from pneumoray.journal import Journal
from pneumoray.stages.evaluate import evaluate
from pneumoray.study_file import parse
from pneumoray.workspace import open_workspace


@pytest.fixture
def place(tmp_path):
    return open_workspace(tmp_path / "ws")


@pytest.fixture
def study(place, make_bundle):
    """Study 'a' with champions of two families, of which the later one in name is the better."""
    folder = place.study("a")
    folder.claim(parse({"name": "a", "backbones": ["resnet18"]}), {}, False, {})
    journal = Journal(folder.journal)
    for family, val_auroc in (("layers", 0.8), ("resnet", 0.9), ("vgg", 0.7)):
        make_bundle(folder.path / "models" / family, info={"origin": {"family": family}})
        journal.append("model", family=family, val_auroc=val_auroc)
    return folder


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "films" / "film.png"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def vote(study, make_bundle, name):
    make_bundle(study.path / "ensembles" / name / "bundle", num_members=2)
    Journal(study.journal).append("ensemble", ensemble=name)


def test_a_study_means_its_newest_vote_else_its_best_champion(place, study, make_bundle):
    found = pneumoray.load_model("a", workspace=place.root)
    assert found.name == "best champion of study a, member-0"
    assert found.bundle.info == {"origin": {"family": "resnet"}}
    vote(study, make_bundle, "ensemble-2")
    vote(study, make_bundle, "ensemble-1")  # by the journal, not by name
    found = pneumoray.load_model("a", workspace=place.root)
    assert found.name == "ensemble-1 of study a, 2 members"
    assert found.study == study
    assert pneumoray.load_model(workspace=place.root).name == found.name  # the only study


def test_a_workspace_that_was_moved_still_has_its_models(place, study, make_bundle, tmp_path):
    vote(study, make_bundle, "ensemble-1")
    shutil.move(place.root, tmp_path / "moved")
    found = pneumoray.load_model("a", workspace=tmp_path / "moved")
    assert found.name.startswith("ensemble-1 of study a")


def test_a_folder_is_a_model_and_knows_its_study(place, study, make_bundle, tmp_path, monkeypatch):
    inside = study.path / "models" / "vgg"
    assert pneumoray.load_model(inside).study == study
    monkeypatch.chdir(make_bundle(tmp_path / "away").parent)
    assert pneumoray.load_model("away", workspace=place.root).study is None


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("b", StudyError, "no model 'b': the studies of .* are a; or name a bundle's folder"),
        ("ws", WorkspaceError, "no bundle: it has no bundle.json"),
    ],
)
def test_what_is_no_model_is_one_line(place, study, monkeypatch, name, error, said):
    monkeypatch.chdir(place.root.parent)
    with pytest.raises(error, match=said):
        pneumoray.load_model(name, workspace=place.root)


def test_without_studies_or_models_the_next_step_is_named(place):
    with pytest.raises(StudyError, match=r"nothing is trained.*train-all"):
        pneumoray.load_model(workspace=place.root)
    place.study("new").claim(parse({"name": "new", "backbones": ["resnet18"]}), {}, False, {})
    with pytest.raises(StudyError, match="study new has no model yet: run 'pneumoray train-all'"):
        pneumoray.load_model("new", workspace=place.root)


def test_code_of_an_own_backbone_runs_only_when_allowed(make_bundle, tmp_path):
    folder = make_bundle(tmp_path / "own")
    text = (folder / "bundle.json").read_text()
    (folder / "bundle.json").write_text(text.replace('"C4-P-F-D"', '"mylab:net"'))
    with pytest.raises(WeightsError, match="needs the code of backbone mylab:net"):
        pneumoray.load_model(folder)


def test_predict_takes_paths_bytes_and_pixels_together(make_bundle, tmp_path, film):
    model = pneumoray.load_model(make_bundle(tmp_path / "vote", num_members=2))
    pixels = np.asarray(Image.open(film))
    table = model.predict([film, str(film), film.read_bytes(), pixels, str(film.parent / "*.png")])
    assert table["file"].tolist() == [str(film), str(film), "input 2", "input 3", str(film)]
    assert table["prob_NORMAL"].nunique() == 1
    assert table["threshold"].tolist() == [0.4] * 5
    assert table["error"].isna().all()
    for one in (film, str(film), str(film.parent), film.read_bytes(), pixels):
        (alone,) = model.predict(one)["prob_NORMAL"]
        assert alone == pytest.approx(table["prob_NORMAL"][0], abs=1e-6)
    assert list(model.predict([]).columns) == list(table.columns)
    mixed = model.predict([film.parent / "gone.png", film])
    assert mixed["error"].notna().tolist() == [True, False]
    assert list(mixed.columns)[:4] == ["file", "predicted", "prob_NORMAL", "prob_PNEUMONIA"]
    for wrong in ("A" * 5000, "a\0b", "*.nope", "https://example.org/x.png"):
        assert model.predict([wrong])["error"].notna().all()
        assert model.predict([wrong, film])["error"].notna().tolist() == [True, False]
    with pytest.raises(DataError, match="3 grey images, or one with channels first"):
        model.predict(np.zeros((3, 40, 32), np.uint8))


def test_evaluate_matches_classes_by_name_not_by_place(make_bundle, tmp_path, draw_xrays):
    """The model's positive class is the first by name here, and the data spells both in its way."""
    model = make_bundle(tmp_path / "model", classes=("PNEUMONIA", "NORMAL"))
    expected = evaluate(draw_xrays(tmp_path / "same"), model)
    assert expected["threshold"] == 0.4
    data = draw_xrays(tmp_path / "other")
    (data / "NORMAL").rename(data / "Normal")
    (data / "PNEUMONIA").rename(data / "sick")
    notes = []
    found = evaluate(data, model, classes={"sick": "PNEUMONIA"}, on_event=notes.append)
    assert json.dumps(found) == json.dumps(expected)
    said = [event["text"] for event in notes if event["type"] == "note"]
    assert said[1:] == ["classes: Normal is NORMAL, sick is PNEUMONIA"]
    with pytest.raises(DataError, match="say which is which, as --classes sick=PNEUMONIA"):
        evaluate(data, model)
