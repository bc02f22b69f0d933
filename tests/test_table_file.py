"""A table that was written as CSV is read as it was: words stay words."""

import pandas as pd
import pytest

from pneumoray import table_file
from pneumoray.errors import WorkspaceError

WORDS = [
    "NA",
    "None",
    "nan",
    "null",
    "001",
    "1e5",
    "True",
    "1_000",
    "N/A",
    "-",
    "2026-11-25",
    "병동",
]


@pytest.mark.parametrize("column", ["class", "called", "family", "arm", "anything else"])
def test_words_that_look_like_something_else_stay_words(tmp_path, column):
    made = pd.DataFrame({column: WORDS, "num_images": range(len(WORDS))})
    made.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(
        table_file.read(tmp_path / "table.csv"), made.astype({column: object})
    )


def test_classes_that_are_numbers_stay_words_and_numbers_stay_numbers(tmp_path):
    made = pd.DataFrame(
        {
            "class": ["1", "2"],
            "num_images": [3, -4],
            "auroc": [0.1 + 0.2, None],
            "lr": [1e-05, 1e22],
            "loss": [float("inf"), 0.0],
            "none": [None, None],
        }
    )
    made.to_csv(tmp_path / "table.csv", index=False)
    found = table_file.read(tmp_path / "table.csv")
    assert found["class"].tolist() == ["1", "2"]
    assert found["num_images"].tolist() == [3, -4]
    assert found["auroc"].tolist()[0] == 0.1 + 0.2  # every bit
    assert found["auroc"].isna().tolist() == [False, True]
    assert found["lr"].tolist() == [1e-05, 1e22]
    assert found["loss"].tolist() == [float("inf"), 0.0]
    assert found["none"].isna().all()


def test_a_setting_that_is_null_or_true_stays_as_a_study_writes_it(tmp_path):
    (tmp_path / "table.csv").write_text(
        "clip_norm,pretrained,lr\nnull,true,0.001\n5.0,false,0.01\n"
    )
    found = table_file.read(tmp_path / "table.csv")
    assert found.to_dict("list") == {
        "clip_norm": ["null", "5.0"],
        "pretrained": ["true", "false"],
        "lr": [0.001, 0.01],
    }


def test_a_table_without_rows_has_its_columns(tmp_path):
    (tmp_path / "table.csv").write_text("class,called\n")
    assert table_file.read(tmp_path / "table.csv").columns.tolist() == ["class", "called"]


@pytest.mark.parametrize("text", ["", 'class\n"N', "a,b\n1,2,3\n4,5,6,7\n", None])
def test_a_damaged_or_missing_table_is_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "table.csv").write_text(text)
    with pytest.raises(WorkspaceError, match=r"table .*table\.csv can't be read: .*; run again$"):
        table_file.read(tmp_path / "table.csv")
