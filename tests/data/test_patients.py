import pytest

from pneumoray.data.folder import scan
from pneumoray.data.patients import find_patients, unknown_patients
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError

# As the collections name their files; of each the patient, and the rule that knows it.
NAMES = [
    ("kermany", "train/PNEUMONIA/person1_bacteria_2.jpeg", "person1_bacteria"),
    ("kermany", "train/PNEUMONIA/person1_virus_6.jpeg", "person1_virus"),
    ("kermany", "train/NORMAL/IM-0115-0001.jpeg", "IM-0115"),
    ("kermany", "train/NORMAL/NORMAL2-IM-1427-0001.jpeg", "NORMAL2-IM-1427"),
    ("kermany-v3", "PNEUMONIA/BACTERIA-1008087-0001.jpeg", "BACTERIA-1008087"),
    ("kermany-v3", "PNEUMONIA/VIRUS-1008087-0002.jpeg", "VIRUS-1008087"),
    ("kermany-v3", "NORMAL/NORMAL-1003233-0001.jpeg", "NORMAL-1003233"),
    ("nih", "Effusion/00000013_005.png", "00000013"),
    ("nih", "images_012/images/00030805_000.png", "00030805"),
    ("chexpert", "train/patient00001/study1/view1_frontal.jpg", "patient00001"),
    ("chexpert", "NORMAL/patient64540_study12_view2_lateral.jpg", "patient64540"),
    ("mimic", "files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34.jpg", "p10000032"),
    ("mimic", "p19/p19999987/s55368167/58766883-376a15ce-3b323a28.jpg", "p19999987"),
    ("covidx", "test/MIDRC-RICORD-1C-419639-003251-46647-0.png", "419639-003251"),
    ("covidx", "test/MIDRC-RICORD-1C-SITE2-000265-99793-1.png", "SITE2-000265"),
    ("covidx", "train/sub-S03126_ses-E16844_run-1_bp-chest_vp-pa_dx-corrected.png", "S03126"),
    ("covidx", "train/A223205-01-12-1901-NA-CHEST_AP_PORTABLE-02367-2.000000-AP.jpg", "A223205"),
    ("covidx", "train/COVID(305).png", "COVID(305)"),
    (
        "rsna",
        "train/47c78742-4998-4878-aec4-37b11b1354ac.dcm",
        "47c78742-4998-4878-aec4-37b11b1354ac",
    ),
]


@pytest.mark.parametrize(("rule", "path", "patient"), NAMES)
def test_a_known_rule_finds_the_patient_in_names_as_its_collection_has_them(rule, path, patient):
    assert find_patients([path], rule) == ([patient], [])


@pytest.mark.parametrize(
    "path",
    [
        "NORMAL/20200131_001.png",  # a date is no number of NIH's
        "NORMAL/00040000_001.png",
        "NORMAL/covid_case001_view1.png",
        "NORMAL/BACTERIA-1.png",
        "p10/p10000032.png",
        "patient1/view1.png",
    ],
)
def test_other_names_have_no_known_patient(path):
    assert find_patients([path, path.replace("1", "2")], None) == (["", ""], [])


@pytest.mark.parametrize("rule", ["kermany", "kermany-v3", "nih", "chexpert", "mimic", "covidx"])
def test_the_known_rule_that_explains_the_data_is_told(rule):
    ids = [path for name, path, _ in NAMES if name == rule] * 10 + ["NORMAL/other.png"]
    expected = [patient for name, _, patient in NAMES if name == rule] * 10 + [""]
    patients, (told,) = find_patients(ids, None)
    assert patients == expected
    num = len(set(expected)) - 1
    assert (told.kind, told.severity) == ("patient-rule", "note")
    assert told.message.startswith(
        f"patients are known by the rule {rule} ({num} patients, such as {expected[0]} of {ids[0]})"
    )


def test_a_rule_that_explains_less_than_nine_in_ten_is_no_choice_but_is_kept():
    known = [f"NORMAL/IM-{i:04}-0001.jpeg" for i in range(9)]
    assert find_patients([*known, "x.png"], None)[1][0].kind == "patient-rule"
    patients, told = find_patients([*known, "x.png", "y.png"], None)
    assert patients == [f"IM-{i:04}" for i in range(9)] + ["", ""]
    assert told == []


def test_file_names_that_only_name_themselves_tell_of_no_patient():
    ids = [f"NORMAL/{i:08x}-4998-4878-aec4-37b11b1354ac.png" for i in range(20)]
    assert find_patients(ids, None) == ([""] * 20, [])
    assert len(set(find_patients(ids, "rsna")[0])) == 20  # but who says so is believed
    mixed = [*ids, "COVID/sub-S03126_ses-E16844_run-1.png", "COVID/sub-S03126_ses-E26912_run-1.png"]
    patients, (told,) = find_patients(mixed, None)
    assert "rule covidx (21 patients" in told.message
    assert patients[-2:] == ["S03126"] * 2


def test_two_rules_that_find_other_patients_are_a_question():
    ids = [f"NORMAL/patient0000{i}/study1/IM-0001-000{i}.jpeg" for i in range(1, 5)]
    with pytest.raises(DataError) as error:
        find_patients(ids, None)
    assert str(error.value) == (
        "two known rules find other patients in these file names: kermany (1 patient) and chexpert "
        "(4 patients); say which is right: --patient-rule kermany or --patient-rule chexpert (in a "
        "study patient_rule: kermany)"
    )
    assert len(set(find_patients(ids, "chexpert")[0])) == 4
    alike = [f"NORMAL/patient0000{i}/study1/IM-000{i}-0001.jpeg" for i in range(1, 5)]
    assert "by the rule kermany (4 patients" in find_patients(alike, None)[1][0].message


@pytest.mark.parametrize(
    ("rule", "patients"),
    [
        (r"^(p\d+)_", ["p1", "p2"]),  # at the beginning of the file's name
        (r"p\d+", ["p1", "p2"]),  # the name comes first, though the folder has it too
        (r"^(?:[^/]+/)*(p\d+)/", ["p8", "p9"]),  # only a path has folders
        (r"ward/(p\d+)/", ["p8", "p9"]),
        (r"(q)?p\d_1", ["", ""]),  # a group that took no part
        (r"nobody", ["", ""]),
    ],
)
def test_a_rule_is_looked_for_in_the_name_and_then_in_the_path(rule, patients):
    assert find_patients(["A/ward/p8/p1_1.png", "A/ward/p9/p2_1.png"], rule) == (patients, [])


def test_names_with_a_patient_in_nine_of_ten_are_not_looked_for_in_paths():
    ids = [f"p7/A/p{i}_1.png" for i in range(10)]
    ids[3] = "p7/A/scan.png"
    patients = [f"p{i}" for i in range(10)]
    patients[3] = ""
    assert find_patients(ids, r"(p\d+)") == (patients, [])
    ids[4] = "p7/A/other.png"
    assert find_patients(ids, r"(p\d+)") == (["p7"] * 10, [])


def test_a_patient_in_two_class_folders_is_one(tmp_path, draw):
    for folder, film in (("Effusion", 0), ("Effusion", 1), ("No Finding", 2)):
        draw(tmp_path / folder / f"00000013_{film:03}.png", film)
    manifest, findings = scan(tmp_path)
    assert manifest.images["group"].unique().tolist() == ["00000013"]
    assert [finding.kind for finding in findings] == ["patient-rule"]
    assert "(1 patient, such as 00000013" in findings[0].message


@pytest.mark.parametrize(
    ("num_known", "num_unknown", "doubt"),
    [
        (9, 1, ""),
        (10, 0, ""),
        (
            8,
            1,
            "a patient is known of 8 of 9 images only (IM-0000 of a/IM-0000-1.png), and not of 1, "
            "such as b/0.png",
        ),
        (0, 2, "no patient is known of any image, such as a/0.png"),
    ],
)
def test_half_known_is_not_known(tmp_path, draw, num_known, num_unknown, doubt):
    for i in range(num_known):
        draw(tmp_path / "a" / f"IM-{i:04}-1.png", i)
    for i in range(num_unknown):
        draw(tmp_path / ("b" if num_known else "ab"[i]) / f"{i}.png", i)
    if num_unknown == 0:
        draw(tmp_path / "b" / "IM-0000-2.png", 99)
    assert unknown_patients(scan(tmp_path)[0]) == doubt


def test_a_rule_of_the_study_is_used_as_it_is(tmp_path, draw):
    draw(tmp_path / "a" / "IM-0001-1.png", 1)
    draw(tmp_path / "b" / "IM-0001-2.png", 2)
    manifest, findings = scan(tmp_path, rules=Rules(patient_rule=r"-(\d)\."))
    assert manifest.images["patient"].tolist() == ["1", "2"]
    assert [finding.kind for finding in findings] == ["positive-class"]
