"""A model keeps the order of classes that it was trained with, whatever the data's own would be."""

import pytest
import torch

from pneumoray import bundle
from pneumoray.config import Config
from pneumoray.errors import DataError, WorkspaceError
from pneumoray.models import zoo
from pneumoray.stages.evaluate import evaluate


@pytest.fixture
def model(tmp_path):
    """Saves a model of these classes that calls every image the second of them."""

    def save(classes):
        config = Config(backbone="C4-P-F-D", image_size=16, family="layers")
        member = bundle.Member.of(config, "m", (0.4,), (0.25,))
        torch.manual_seed(0)
        state = zoo.build(member.architecture, len(classes)).state_dict()
        described = bundle.Bundle((member,), classes, threshold=0.0)
        bundle.save(
            described, [{key: one.contiguous() for key, one in state.items()}], tmp_path / "m"
        )
        return tmp_path / "m"

    return save


@pytest.mark.parametrize("classes", [("NORMAL", "PNEUMONIA"), ("PNEUMONIA", "NORMAL")])
def test_the_model_says_which_class_is_positive(model, xrays, classes):
    report = evaluate(xrays, model(classes))
    assert report["positive"] == classes[1]
    assert (report["sensitivity"], report["specificity"]) == (1, 0)
    assert [row["name"] for row in report["per_class"]] == list(classes)


def test_other_classes_than_the_models_are_refused(model, xrays):
    with pytest.raises(DataError, match="classes NORMAL, PNEUMONIA, and the model knows a, b"):
        evaluate(xrays, model(("a", "b")))


def test_a_file_that_can_not_be_written_is_refused_before_the_model_or_any_image_is_opened(
    tmp_path,
):
    with pytest.raises(WorkspaceError, match=r"can't be written \(Is a directory\)"):
        evaluate(tmp_path / "no-data", tmp_path / "no-model", save=tmp_path)
    assert list(tmp_path.iterdir()) == []
