"""Words of a user's that become names: what passes, what does not, and that what passes works everywhere."""

import re
import unicodedata

import pytest

from pneumoray import words

GOOD = (
    "a",
    "xray-64",
    "v1.2_b",
    "_registry",
    "우리 모델",
    "Größe",
    "हिन्दी",
    "resnet+se",
    "x" * 100,
    "한" * 33,
)
BAD = {
    "": "it is empty",
    ".": "begin with a letter",
    "..": "begin with a letter",
    "../trials": "'/'",
    "a/b": "'/'",
    "a\\b": r"'\\\\'",
    "v2: big": "':'",
    "it's": '"\'"',
    'a"b': "'\"'",
    "a`b": "'`'",
    "a%41": "'%'",
    "a?b": r"'\?'",
    "a#b": "'#'",
    "a@b": "'@'",
    "{a}": "'{'",
    "a\nb": r"'\\n'",
    "a\n": r"'\\n'",
    "a\0b": r"'\\x00'",
    "a\u202eb": r"'\\u202e'",  # turns round what is shown behind it
    "a\ud800": r"'\\ud800'",  # no UTF-8 can hold it
    "a\u00a0b": r"'\\xa0'",
    "-rf": "begin with a letter",
    ".hidden": "begin with a letter",
    " a": "begin with a letter",
    "a.": "a dot or a space at its end",
    "a ": "a dot or a space at its end",
    "a  b": "two spaces",
    "con": "Windows",
    "NUL.txt": "Windows",
    "Lpt1": "Windows",
    "x" * 101: "101 bytes, 100 are allowed",
    "한" * 34: "102 bytes, 100 are allowed",
    unicodedata.normalize("NFD", "한글"): "put together from parts",
}


@pytest.mark.parametrize("word", GOOD)
def test_a_good_name_is_a_folder_and_comes_back_as_it_is(word, tmp_path):
    assert words.why_no_name(word) == ""
    (tmp_path / f".{word}.tmp-12345678-old").mkdir()  # the longest name that is made of it
    (tmp_path / word).mkdir()
    assert (tmp_path / word).name == word
    assert (tmp_path / word).resolve().parent == tmp_path.resolve()


@pytest.mark.parametrize(("word", "reason"), BAD.items(), ids=map(ascii, range(len(BAD))))
def test_a_bad_name_is_refused_in_one_line(word, reason):
    why = words.why_no_name(word)
    assert re.search(reason, why)
    assert "\n" not in why
    assert why.isprintable()


def test_names_that_some_systems_take_for_one_are_twins():
    decomposed = unicodedata.normalize("NFD", "é")
    assert words.twins(["a", "b", "a"]) is None
    assert words.twins([]) is None
    assert words.twins(["Lung", "x", "lung"]) == ("Lung", "lung")
    assert words.twins(["é", decomposed]) == ("é", decomposed)
    assert words.twins(["straße", "STRASSE"]) == ("straße", "STRASSE")


def test_a_models_name_may_be_longer_than_a_part_of_it():
    assert words.why_no_model("x" * 250) == ""
    assert "251 characters, 250 are allowed" in words.why_no_model("x" * 251)
    assert "'/'" in words.why_no_model("a/b")


def test_a_value_holds_text_and_no_control_characters():
    assert words.why_no_text("two lines\nand a\ttab, ü 한") == ""
    assert r"'\x00'" in words.why_no_text("a\0")
    assert r"'\ud800'" in words.why_no_text("\ud800")
    assert "5001 characters, 5000 are allowed" in words.why_no_text("x" * 5001)


def test_a_line_holds_no_line_break():
    assert words.why_no_line("Effusion, left | ü 한 <b>") == ""
    assert r"'\n'" in words.why_no_line("two\nlines")
    assert "101 characters, 100 are allowed" in words.why_no_line("x" * 101)
    assert "4 characters, 3 are allowed" in words.why_no_line("long", 3)


def test_a_line_break_at_the_end_of_a_key_is_refused_though_mlflow_takes_it():
    assert r"'\n'" in words.why_no_key("team\n")
