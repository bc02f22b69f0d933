"""What was decided of the values of training images is done again by the model that they trained."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumoray import bundle, checkpoint
from pneumoray.bundle import Bundle, Member
from pneumoray.config import Config
from pneumoray.data.folder import scan
from pneumoray.data.pack import ImageSettings, make_pack
from pneumoray.data.rules import Rules
from pneumoray.data.split import resplit
from pneumoray.errors import DataError
from pneumoray.stages.evaluate import evaluate
from pneumoray.stages.predict import predict
from pneumoray.training.trial import train

CONFIG = Config(backbone="C4-P-F-D", image_size=32, epochs=2, batch_size=8, augment="none")
MOST = {"eight": 255, "twelve": 4095, "sixteen": 65535}


def draw(folder: Path, form: str) -> Path:
    """The same thirty films in a depth; those of PNEUMONIA have a bright patch."""
    for i in range(30):
        x = np.linspace(0, 3 + i % 7, 40)
        film = 0.3 + 0.2 * np.outer(np.sin(x + i), np.cos(x))
        film[10:25, 10:25] += 0.4 * (i % 2)
        path = folder / form / ("PNEUMONIA" if i % 2 else "NORMAL") / f"person{i}_virus_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = np.uint8 if form == "eight" else np.uint16
        Image.fromarray(np.round(film * MOST[form]).astype(kind)).save(path)
    return folder / form


@pytest.fixture(scope="module", params=["eight", "twelve"])
def trained(request, tmp_path_factory):
    """(form, folder of the data in each form, a model trained on that form)"""
    folder = tmp_path_factory.mktemp("depth")
    for form in MOST:
        draw(folder, form)
    manifest, findings = scan(folder / request.param)
    pack, _ = make_pack(manifest, findings, ImageSettings(32), folder / "packs", resplit=resplit)
    list(train(CONFIG, pack, folder / "trial"))
    state = checkpoint.read_state(folder / "trial")
    member = Member.of(CONFIG, "m", state.mean, state.std, state.ranges)
    weights = checkpoint.best_weights(folder / "trial")
    bundle.save(Bundle((member,), pack.manifest.classes), [weights], folder / "model")
    return request.param, folder


def probs(folder: Path, form: str, **options) -> np.ndarray:
    tables = list(predict([folder / form], folder / "model", **options))
    return tables[0].filter(like="prob_").to_numpy(float)


def test_the_model_predicts_the_other_depth_alike_or_refuses(trained):
    form, folder = trained
    assert np.abs(probs(folder, "eight") - probs(folder, form)).max() < 0.02
    other = "sixteen" if form == "twelve" else "twelve"
    with pytest.raises(DataError, match="30 of 30 images can't be used"):
        probs(folder, other)
    said = probs(folder, other, pixel_range=(0, MOST[other]))
    assert np.abs(said - probs(folder, "eight")).max() < 0.02


def test_evaluate_scores_the_films_alike_in_each_depth(trained):
    form, folder = trained
    expected = evaluate(folder / "eight", folder / "model")["accuracy"]
    other = "sixteen" if form == "twelve" else "twelve"
    with pytest.raises(DataError, match=r"no image of .* can be read"):
        evaluate(folder / other, folder / "model")
    rules = Rules(pixel_range=(0, MOST[other]))
    assert evaluate(folder / other, folder / "model", rules=rules)["accuracy"] == expected
