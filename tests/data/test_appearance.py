"""Blank images, pages, depth and polarity that go with the class, and colour that grey drops."""

import numpy as np
import pandas as pd
import pytest

from pneumoray.data.appearance import appearance

CLASSES = ("NORMAL", "PNEUMONIA")


def images(num: int = 24, **columns) -> pd.DataFrame:
    """Half of each class, a patient each, 8 bit and grey, but for `columns`."""
    table = pd.DataFrame(
        {
            "id": [f"{i}.png" for i in range(num)],
            "label": [i * 2 // num for i in range(num)],
            "group": [f"p{i}" for i in range(num)],
            "depth": "8",
            "polarity": "black is zero",
            "low": 3.0,
            "high": 250.0,
            "num_frames": 1,
            "brightness": 100.0,
            "red_share": 1 / 3,
            "blue_share": 1 / 3,
            "colour": 0.0,
        }
    )
    return table.assign(**columns)


def found(table, color="grey", classes=CLASSES):
    return {finding.kind: finding for finding in appearance(table, classes, color)}


def test_nothing_is_said_of_alike_grey_images():
    assert found(images()) == {}


def test_blank_images_and_pages_are_told():
    table = images()
    table.loc[3, "high"] = 3.0
    table.loc[5, "num_frames"] = 7
    told = found(table)
    assert told["blank"].image_ids == ("3.png",)
    assert told["blank"].severity == "handled"
    assert told["several-pages"].image_ids == ("5.png",)
    assert "1 file has several pages or frames, such as 5.png (7)" in told["several-pages"].message


@pytest.mark.parametrize("num_each", [5, 12, 500])
def test_depth_or_polarity_that_goes_with_the_class_must_be_fixed(num_each):
    deep = ["8"] * num_each + ["16"] * num_each
    finding = found(images(2 * num_each, depth=deep))["shortcut"]
    assert finding.severity == "fix"
    assert f"{num_each} of {num_each} images of " in finding.message
    white = ["white is zero"] * num_each + ["black is zero"] * num_each
    message = found(images(2 * num_each, polarity=white))["shortcut"].message
    assert f"{num_each} of {num_each} images of " in message
    assert "is zero, and 0 of the" in message


def test_of_few_patients_or_without_relation_nothing_is_concluded():
    assert found(images(6, depth=["8"] * 3 + ["16"] * 3)) == {}
    assert found(images(200, depth=["8", "16"] * 100)) == {}
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert found(images(40, depth=rng.choice(["8", "16", "12"], 40))) == {}
    one_patient = images(40, depth=["8"] * 20 + ["16"] * 20)
    one_patient["group"] = ["a"] * 20 + ["b"] * 20
    assert found(one_patient) == {}


def test_a_weak_relation_of_many_is_no_shortcut():
    deep = ["16"] * 40 + ["8"] * 60 + ["16"] * 60 + ["8"] * 40
    assert found(images(200, depth=deep)) == {}


def test_values_of_fewer_bits_in_one_class_are_a_shortcut_too():
    high = [4095.0] * 12 + [65000.0] * 12
    finding = found(images(24, depth="16", high=high))["shortcut"]
    assert "are 16-bit and dark" in finding.message


def test_colour_that_tells_the_class_is_missed_in_grey():
    red = [0.3] * 12 + [0.9] * 12
    table = images(24, red_share=red, colour=80.0)
    message = found(table)["colour-dropped"].message
    assert "24 of 24 images are in colour" in message
    assert "with an AUROC of 1.00, by brightness with 0.50" in message
    assert "color: rgb" in message
    assert found(table, "rgb") == {}


def test_colour_that_tells_nothing_more_is_told_without_a_loss():
    table = images(24, red_share=0.5, colour=80.0, brightness=[10.0] * 12 + [90.0] * 12)
    assert "AUROC" not in found(table)["colour-dropped"].message
    assert found(images(100, colour=[80.0] * 4 + [0.0] * 96)) == {}  # a few annotations
