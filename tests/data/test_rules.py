"""What may be said of a data set, and how a word of YAML is taken."""

import pytest
import yaml

from pneumoray.config import validated
from pneumoray.data.rules import Rules
from pneumoray.errors import StudyError


def rules(text):
    return validated(Rules, yaml.safe_load(text), "study")


def test_numbers_and_null_need_no_quotes():
    said = rules("folders: {1: test}\ncolumns: {split: null}\nlabels: {1.0: 1}\nlabel_of: 3")
    assert said.folders == {"1": "test"}
    assert said.columns == {"split": ""}
    assert said.labels == {"1.0": "1"}
    assert said.label_of == "3"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("labels: {no: yes}", "YAML reads this word as true or false: put the word in quotes"),
        ("folders: {fold1: testing}", "folders.fold1 'testing': it has to be 'class', 'train'"),
        ("columns: {age: years}", "columns.age"),
        ("labels: {a: null}", "'a' has no class: name one, or leave rows out"),
        ("leave_out: [empty]", "it has to be 'unlabelled' or 'several-labels'"),
    ],
)
def test_what_cannot_be_said_is_refused_in_one_line(text, said):
    with pytest.raises(StudyError, match=said) as caught:
        rules(text)
    assert "\n" not in str(caught.value)
