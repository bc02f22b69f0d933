import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumoray.evaluation.leaderboard_plot import picture


def rows(count, score=0.9, outcome="trained"):
    return pd.DataFrame(
        {"val_auroc": score, "val_auroc_sd": np.nan, "outcome": outcome},
        index=[f"resnet18 {i}" for i in range(count)],
    )


def size(png):
    return Image.open(io.BytesIO(png)).size


def test_it_grows_by_a_line_for_each_configuration_up_to_thirty():
    heights = [size(picture(rows(count), "x"))[1] for count in (10, 20, 30, 60)]
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_what_has_no_score_takes_no_line():
    mixed = pd.concat([rows(12), rows(12, score=np.nan, outcome="failed")])
    assert size(picture(mixed, "x")) == size(picture(rows(12), "x"))
    with pytest.raises(ValueError, match="no row"):
        picture(rows(2, score=np.nan), "x")


def test_the_same_rows_give_the_same_bytes_and_other_outcomes_others():
    assert picture(rows(3), "x") == picture(rows(3), "x")
    assert picture(rows(3), "x") != picture(rows(3, outcome="cut"), "x")
