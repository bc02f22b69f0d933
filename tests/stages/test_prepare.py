"""From a folder of images to what a study trains on."""

from pneumoray.data.folder import scan
from pneumoray.data.rules import Rules
from pneumoray.stages import prepare


def test_the_positive_class_is_told_once_and_of_several_none(xrays, tmp_path, draw_xrays):
    said = []
    prepare.tell_positive(scan(xrays)[0], None, said.append)
    prepare.tell_positive(scan(xrays, rules=Rules(positive="NORMAL"))[0], "NORMAL", said.append)
    prepare.tell_positive(scan(draw_xrays(tmp_path, 2, "abc"))[0], None, said.append)
    assert said == [
        {"type": "note", "text": "positive class: PNEUMONIA (NORMAL is negative by its name)"},
        {"type": "note", "text": "positive class: NORMAL, as chosen (the other: PNEUMONIA)"},
    ]
