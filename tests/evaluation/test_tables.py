import re

import numpy as np
import pandas as pd
import pytest

from pneumoray.evaluation import tables


def table(**columns):
    scores = {"val_auroc": [0.95126, 0.9], "val_auroc_sd": [0.00312, None], "trials": [3, 1]}
    costs = {"parameters": [23620530, None], "minutes": [1.25, 10.0], "overfits_from": [None, 7]}
    made = pd.DataFrame(columns | scores | costs)
    return made.astype({"parameters": "Int64", "overfits_from": "Int64", "val_auroc_sd": "float64"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "1e-05"),
        (0.001, "0.001"),
        (2.0, "2"),
        (0.12345678, "0.12345678"),
        (64, "64"),
        (np.int64(64), "64"),
        (True, "true"),
        (None, "null"),
        ((64, 128), "[64, 128]"),
        ("adamw", "adamw"),
    ],
)
def test_a_setting_is_shown_as_yaml_writes_it(value, text):
    assert tables.shown(value) == text


def test_columns_are_text_with_the_spread_behind_the_mean():
    found = {column.heading: column for column in tables.columns(table(lr=[1e-5, 0.001]))}
    assert found["val AUROC"].cells == ("0.9513 ± 0.0031", "0.9000")
    assert found["lr"].cells == ("1e-05", "0.001")
    assert found["parameters"].cells == ("23,620,530", "")
    assert found["overfits from epoch"].cells == ("", "7")
    assert found["trials"].cells == ("3", "1")
    assert found["minutes"].cells == ("1.25", "10.0")
    assert "val_auroc_sd" not in found


def test_numbers_stand_to_the_right():
    found = tables.columns(table(lr=[1, 2], optimizer=["adam", "sgd"], batch_norm=[True, False]))
    sides = {column.heading: column.is_number for column in found}
    assert sides["lr"]
    assert sides["parameters"]
    assert not sides["optimizer"]
    assert not sides["batch_norm"]


def test_a_count_of_one_in_every_row_says_nothing():
    assert "trials" not in [c.heading for c in tables.columns(table().assign(trials=1))]


def test_csv_keeps_numbers_and_leaves_out_what_is_missing():
    lines = tables.to_csv(table(lr=[1e-7, 1e-3])).splitlines()
    assert lines[0] == "lr,val_auroc,val_auroc_sd,trials,parameters,minutes,overfits_from"
    assert lines[1] == "1e-07,0.95126,0.00312,3,23620530,1.25,"
    assert lines[2] == "0.001,0.9,,1,,10,7"


def test_text_has_headings_over_their_cells():
    lines = tables.to_text(table(optimizer=["adam", "sgd"])).splitlines()
    assert lines == [
        "                                                         overfits",
        "                                                             from",
        "optimizer        val AUROC  trials  parameters  minutes     epoch",
        "adam       0.9513 ± 0.0031       3  23,620,530     1.25",
        "sgd                 0.9000       1                 10.0         7",
    ]


def test_html_is_a_table_whatever_the_cells_hold():
    long = "swin_base_patch4_window7_224.ms_in22k_ft_in1k_and_more"
    page = tables.to_html(table(backbone=["<b>|", long]))
    cells = re.findall("<t[hd][^>]*>(.*?)</t[hd]>", page)
    assert cells[:2] == ["backbone", "val AUROC"]
    assert cells[6:8] == ["&lt;b&gt;|", "0.9513 ± 0.0031"]
    assert long in cells
    assert re.search(
        r"\.col0 \{\s*text-align: left;.*\.col1 \{\s*text-align: right;", page, re.DOTALL
    )


def test_headings_name_the_class_that_a_score_is_about():
    scores = pd.DataFrame({"model": ["vote"], "test_auroc": [0.9], "sensitivity": [0.8]})
    for positive, heading in ((None, "sensitivity"), ("SICK", "sensitivity (SICK)")):
        shown = [column.heading for column in tables.columns(scores, positive)]
        assert shown == ["model", "test AUROC", heading]


def test_markdown_is_a_table_whatever_the_cells_hold():
    lines = tables.to_markdown(table(backbone=["a|b", "C-P-F-D"])).splitlines()
    assert lines[1].startswith("| --- | ---: |")
    assert lines[2].startswith("| a\\|b | 0.9513 ± 0.0031 |")


def test_latex_has_the_rules_of_booktabs_and_escapes_everything():
    text = tables.to_latex(table(image_fit=["50% of_a", "b & {c} ~ $x^2$ #1 \\d"]))
    lines = text.splitlines()
    assert lines[0] == r"% needs \usepackage{booktabs}"
    assert lines[1] == r"\begin{tabular}{lrrrrr}"
    assert [line for line in lines if line.endswith("rule")] == [
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
    ]
    assert lines[3].startswith(r"image\_fit & val AUROC & trials & parameters &")
    assert lines[5].startswith(r"50\% of\_a & 0.9513 $\pm$ 0.0031 & 3 & 23,620,530 & 1.25 &  \\")
    assert r"b \& \{c\} \textasciitilde" in lines[6]
    assert r"\$x\textasciicircum 2\$ \#1 \textbackslash d" in lines[6]
