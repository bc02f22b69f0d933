"""Which of two classes is the positive one."""

import unicodedata

import pytest

from pneumoray.data.classes import described, has_negative, matched, ordered
from pneumoray.errors import DataError

PAIRS = [  # negative, positive
    ("NORMAL", "PNEUMONIA"),
    ("NORMAL", "COVID"),
    ("Normal", "Abnormal"),
    ("Negative", "Positive"),
    ("neg", "pos"),
    ("healthy", "cancer"),
    ("Healthy", "unhealthy"),
    ("control", "case"),
    ("No Finding", "Effusion"),
    ("no_findings", "effusion"),
    ("NoFinding", "Effusion"),
    ("benign", "malignant"),
    ("0", "1"),
    ("0.0", "1.0"),
    ("-1", "1"),
    ("-", "+"),
    ("no", "yes"),
    ("False", "True"),
    ("none", "edema"),
    ("absent", "present"),
    ("no pneumonia", "pneumonia"),
    ("CT_NonCOVID", "CT_COVID"),
    ("notumor", "tumor"),
    ("Uninfected", "Parasitized"),
    ("uninfected", "infected"),
    ("without-fracture", "fracture"),
    ("lung normal", "lung aca"),
    ("pneumonia negative", "pneumonia positive"),
    ("normal", "not normal"),
    ("normal", "nonnormal"),
]


@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_what_is_called_negative_is_never_the_positive_class(pair):
    assert ordered(pair) == ordered(pair[::-1]) == pair
    assert has_negative(pair)
    negative, positive = pair
    assert (
        described(pair, None) == f"positive class: {positive} ({negative} is negative by its name)"
    )


@pytest.mark.parametrize("pair", [("cat", "dog"), ("2", "10"), ("benign", "normal"), ("a", "b")])
def test_where_names_do_not_decide_the_last_is_positive_and_the_other_can_be_chosen(pair):
    assert ordered(pair[::-1]) == pair
    assert not has_negative(pair)
    text = described(pair, None)
    assert text.startswith(f"positive class: {pair[1]}, the last by name")
    assert f"--positive {pair[0]}" in text
    assert ordered(pair, pair[0]) == pair[::-1]


def test_what_is_chosen_wins_over_names():
    assert ordered(("NORMAL", "PNEUMONIA"), "NORMAL") == ("PNEUMONIA", "NORMAL")
    assert described(("PNEUMONIA", "NORMAL"), "NORMAL") == (
        "positive class: NORMAL, as chosen (the other: PNEUMONIA)"
    )
    assert ordered(("NORMAL", "PNEUMONIA"), "PNEUMONIA") == ("NORMAL", "PNEUMONIA")


def test_several_classes_stand_by_name_and_numbers_by_value():
    assert ordered(["normal", "covid", "10", "9"]) == ("9", "10", "covid", "normal")
    assert not has_negative(("normal", "covid", "edema"))


@pytest.mark.parametrize(
    ("classes", "positive", "message"),
    [
        (
            ("NORMAL", "PNEUMONIA"),
            "pneumonia",
            "positive class 'pneumonia' is none of the classes NORMAL, PNEUMONIA: name one of these; "
            "did you mean PNEUMONIA?",
        ),
        (
            ("a", "b", "c"),
            "a",
            "positive class 'a' is chosen, but the data has 3 classes (a, b, c): each is judged "
            "against the rest, so leave positive out",
        ),
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_one_line(classes, positive, message):
    with pytest.raises(DataError) as caught:
        ordered(classes, positive)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("names", "chosen", "partners"),
    [
        (("NORMAL", "PNEUMONIA"), {}, {"NORMAL": "NORMAL", "PNEUMONIA": "PNEUMONIA"}),
        (("Pneumonia", "normal"), {}, {"Pneumonia": "PNEUMONIA", "normal": "NORMAL"}),
        (("ill", "normal"), {"ill": "PNEUMONIA"}, {"ill": "PNEUMONIA", "normal": "NORMAL"}),
        (
            ("bacterial", "normal", "viral"),
            {"bacterial": "PNEUMONIA", "viral": "PNEUMONIA"},
            {"bacterial": "PNEUMONIA", "normal": "NORMAL", "viral": "PNEUMONIA"},
        ),
    ],
)
def test_classes_of_data_are_a_models_by_name_or_by_choice(names, chosen, partners):
    assert matched(names, ("NORMAL", "PNEUMONIA"), chosen) == partners


@pytest.mark.parametrize(
    ("names", "chosen", "said"),
    [
        (("ill", "normal"), {}, "say which is which, as --classes ill=PNEUMONIA"),
        (
            ("normal", "Normal"),
            {},
            "no class of the data (normal, Normal) is the model's PNEUMONIA",
        ),
        (("ill", "normal"), {"il": "PNEUMONIA"}, "'il' is no class of the data"),
        (("ill", "normal"), {"ill": "PNEUMONA"}, "'PNEUMONA' is no class of the model"),
    ],
)
def test_classes_without_a_partner_are_one_line(names, chosen, said):
    with pytest.raises(DataError) as caught:
        matched(names, ("NORMAL", "PNEUMONIA"), chosen)
    assert said in str(caught.value)


def test_numbers_are_ordered_by_their_values_also_inside_names():
    assert ordered(["10", "9", "-1", "2.5", "a"]) == ("-1", "2.5", "9", "10", "a")
    assert ordered(["grade10", "grade2", "grade1"]) == ("grade1", "grade2", "grade10")


def test_classes_of_a_model_are_matched_in_either_form_of_unicode():
    nfc, nfd = (unicodedata.normalize(form, "정상") for form in ("NFC", "NFD"))
    assert matched([nfd, "폐렴"], [nfc, "폐렴"], {}) == {nfd: nfc, "폐렴": "폐렴"}
