"""What labels become classes, and which are questioned."""

import unicodedata

import pandas as pd
import pytest

from pneumoray.data.folder import scan
from pneumoray.data.labels import MISSING
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError


@pytest.mark.parametrize("word", ["", "nan", "NaN", "None", "NA", "N/A", "null", "<NA>"])
def test_a_missing_word_is_no_class_and_no_patient(make_table, word, listed):
    text = f"path,label,patient\n1.png,a,{word}\n2.png,b,{word}\n3.png,{word},7\n"
    with pytest.raises(DataError, match=r"no label in row 4, .*--leave-out unlabelled") as caught:
        listed(make_table(text))
    assert ("--labels" in str(caught.value)) == bool(word)
    rows, found = listed(make_table(text), leave_out=["unlabelled"])
    assert rows["patient"].tolist() == ["", ""]
    assert rows["group"].tolist() == ["1.png", "2.png"]
    assert found["unlabelled"].message == "left out 1 row of 3 of the table, which have no label"


def test_the_missing_words_are_those_of_pandas(tmp_path):
    words = sorted(MISSING - {"", "NaT"})
    (tmp_path / "words.csv").write_text("word\n" + "\n".join(words) + "\nnone\nno\n")
    cells = pd.read_csv(tmp_path / "words.csv")["word"]
    assert cells.isna().tolist() == [True] * len(words) + [False, False]


def test_a_class_that_is_meant_as_it_is_written_stays(make_table, listed):
    table = make_table("path,label\n1.png,NA\n2.png,b\n3.png,none\n")
    rows, found = listed(table, labels={"NA": "NA"})
    assert rows["name"].tolist() == ["NA", "b", "none"]
    assert found["missing-words"].severity == "note"


TWINS = [
    ("NORMAL", "Normal", "Normal=NORMAL"),
    ("1", "1.0", "1.0=1"),
    ("viral pneumonia", "Viral_Pneumonia", "'Viral_Pneumonia=viral pneumonia'"),
]


@pytest.mark.parametrize(("label", "twin", "option"), TWINS)
def test_two_spellings_of_a_class_are_a_question(make_table, label, twin, option, listed):
    table = make_table(f"path,label\n1.png,{label}\n2.png,{twin}\n3.png,other\n")
    with pytest.raises(DataError, match="differ in their spelling only") as caught:
        listed(table)
    message = str(caught.value)
    assert f"{label} (1 image)" in message
    assert f"{twin} (1 image)" in message
    assert len(set(listed(table, labels={twin: label})[0]["name"])) == 2
    assert len(set(listed(table, labels={twin: twin})[0]["name"])) == 3
    more = make_table(f"path,label\n1.png,{label}\n2.png,{twin}\n3.png,{label}\n")
    with pytest.raises(DataError, match=f"join them with --labels {option};"):
        listed(more)


def test_several_labels_have_two_ways_out(make_table, listed):
    table = make_table("path,label\n1.png,Edema|Effusion\n2.png,Effusion\n3.png,No Finding\n")
    with pytest.raises(DataError) as caught:
        listed(table)
    assert "1 row of 3 in all" in str(caught.value)
    assert "--label-of Edema" in str(caught.value)
    assert "--leave-out several-labels" in str(caught.value)
    rows, _ = listed(table, label_of="Edema")
    assert rows["name"].tolist() == ["Edema", "not Edema", "not Edema"]
    rows, found = listed(table, leave_out=["several-labels"])
    assert rows["name"].tolist() == ["Effusion", "No Finding"]
    assert found["several-labels"].message.startswith("left out 1 row of 3")
    with pytest.raises(DataError, match=r"label_of is 'edema', .*did you mean Edema\?"):
        listed(table, label_of="edema")


def test_rows_of_one_image_are_one_where_one_label_is_learnt(make_table, listed):
    table = make_table("path,label\n1.png,a\n1.png,b\n2.png,b\n2.png,c\n3.png,c\n")
    with pytest.raises(
        DataError, match=r"several rows\); learn one against all others with --label-of, or"
    ):
        listed(table)
    rows, _ = listed(table, label_of="b")
    assert rows["name"].to_dict() == {"1.png": "b", "2.png": "b", "3.png": "not b"}


def test_one_against_the_rest_has_the_chosen_class_as_the_positive_one(make_table):
    table = make_table("path,label\n1.png,b\n2.png,a\n3.png,c\n")
    manifest, findings = scan(table, table.parent / "images", Rules(label_of="b"))
    assert manifest.classes == ("not b", "b")
    assert findings == []


def test_a_class_in_two_forms_of_unicode_is_one(make_table, listed):
    two = [unicodedata.normalize(form, "정상") for form in ("NFC", "NFD")]
    rows, found = listed(make_table(f"path,label\n1.png,{two[0]}\n2.png,{two[1]}\n3.png,b\n"))
    assert set(rows["name"]) == {two[0], "b"}
    assert found["unicode"].message == "정상 is written in two forms of Unicode, and is one class"
