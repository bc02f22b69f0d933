"""Predictions come back from disk with every bit, and are made in evaluation mode."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from pneumoray.errors import WorkspaceError
from pneumoray.predictions import Predictions, predict


def predictions(probs, **columns):
    num = len(probs)
    images = pd.DataFrame(
        {
            "id": [f"NORMAL/{i}.png" for i in range(num)],
            "label": np.arange(num) % 2,
            "group": [f"{i // 2:03}" for i in range(num)],
            "split": "val",
            **columns,
        }
    )
    return Predictions(images, np.asarray(probs, dtype=np.float64), ("NORMAL", "PNEUMONIA"))


def test_saved_and_loaded_they_are_the_same(tmp_path):
    probs = np.random.default_rng(0).dirichlet((1, 1), 50)
    made = predictions(probs, sex=["NA", "F"] * 25, site=["", "a,b"] * 25)
    made.save(tmp_path / "new" / "val.csv")
    loaded = Predictions.load(tmp_path / "new" / "val.csv")
    np.testing.assert_array_equal(loaded.probs, probs)
    assert loaded.classes == made.classes
    assert loaded.image_ids.tolist() == made.image_ids.tolist()
    assert loaded.labels.tolist() == made.labels.tolist()
    assert loaded.groups.tolist() == made.groups.tolist()  # '000' stays text
    assert loaded.images["sex"].tolist() == ["NA", "F"] * 25
    assert loaded.images["site"].tolist() == ["", "a,b"] * 25


def test_a_class_name_may_hold_anything_a_folder_may(tmp_path):
    made = predictions([[0.5, 0.5]])
    made = Predictions(made.images, made.probs, ("no, finding", 'prob_"x"'))
    made.save(tmp_path / "x.csv")
    assert Predictions.load(tmp_path / "x.csv").classes == made.classes


def test_rows_need_not_be_numbered_from_zero():
    made = predictions(np.full((6, 2), 0.5))
    part = Predictions(made.images.iloc[[5, 1]], np.array([[0.1, 0.9], [0.8, 0.2]]), made.classes)
    table = part.table()
    assert table["id"].tolist() == ["NORMAL/5.png", "NORMAL/1.png"]
    assert table["prob_PNEUMONIA"].tolist() == [0.9, 0.2]


@pytest.mark.parametrize("shape", [(3, 2), (4, 3), (4,)])
def test_probs_of_another_shape_are_a_callers_mistake(shape):
    images = predictions(np.full((4, 2), 0.5)).images
    with pytest.raises(ValueError, match="probs of shape"):
        Predictions(images, np.zeros(shape), ("a", "b"))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(WorkspaceError, match=r"x\.csv can't be read"):
        Predictions.load(tmp_path / "x.csv")


def test_predict_is_softmax_in_evaluation_mode_in_order():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(4, 3))
    images = torch.randn(5, 1, 2, 2)
    batches = [(images[:2], torch.zeros(2)), (images[2:], torch.zeros(3))]
    model.train()
    probs = predict(model, batches)
    with torch.no_grad():
        expected = model[2](images.flatten(1)).double().softmax(1).numpy()
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs, expected, rtol=1e-12)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-12)


def test_predict_is_float32_even_where_the_model_answers_in_bfloat16():
    class Half(nn.Module):
        def forward(self, images):
            return images.flatten(1).bfloat16()

    probs = predict(Half(), [(torch.tensor([[[[1.0, 2.0]]]]), torch.zeros(1))])
    np.testing.assert_allclose(probs[0, 1], 1 / (1 + np.exp(-1)), rtol=1e-12)
