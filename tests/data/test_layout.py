"""What each folder of a data set is taken for, or the question that is asked."""

import pytest

from pneumoray.data.layout import decide
from pneumoray.errors import DataError

FLAT = ("NORMAL", "PNEUMONIA")


@pytest.fixture
def tree(tmp_path):
    """Makes empty image files; of a path that ends in / an empty folder."""

    def make(*paths):
        for path in paths:
            place = tmp_path / "data" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.endswith("/"):
                place.mkdir(exist_ok=True)
            else:
                place.touch()
        return tmp_path / "data"

    return make


def images_in(*folders):
    return [f"{folder}/{number}.png" for folder in folders for number in (1, 2)]


def both(*tops):
    """The two classes in each of these folders."""
    return images_in(*(f"{top}/{name}" for top in tops for name in FLAT))


def classes(layout):
    """(split, label) of each class folder."""
    return sorted((place.split, place.label) for place in layout.of("class"))


def left_out(layout):
    return {p.path.relative_to(layout.root).as_posix(): p.why for p in layout.of("skip")}


SPLITS = [
    ("train", "test"),
    ("training_set", "test_set"),
    ("training_set/training_set", "test_set/test_set"),
    ("seg_train/seg_train", "seg_test/seg_test"),
    ("Training", "Testing"),
    ("TRAIN", "TEST"),
    ("train_images", "test_images"),
    ("chest_xray_train", "chest_xray_test"),
    ("trainSet", "testSet"),
    ("train2017", "test2017"),
    ("trainval", "test"),
    ("train/images", "test/images"),
    ("data/train", "data/test"),
]


@pytest.mark.parametrize("tops", SPLITS, ids="|".join)
def test_splits_are_known_under_many_names(tree, tops):
    layout = decide(tree(*both(*tops)), {})
    assert classes(layout) == [(split, name) for split in ("test", "train") for name in FLAT]
    assert left_out(layout) == {}


def test_splits_inside_the_classes_are_splits(tree):
    data = tree(*images_in(*(f"{name}/{split}" for name in FLAT for split in ("train", "test"))))
    assert classes(decide(data, {})) == [(s, n) for s in ("test", "train") for n in FLAT]


def test_masks_beside_the_images_of_a_class_are_left_out(tree):
    data = tree(*images_in(*(f"{name}/{what}" for name in FLAT for what in ("images", "masks"))))
    layout = decide(data, {})
    assert classes(layout) == [("", name) for name in FLAT]
    assert left_out(layout) == {f"{name}/masks": "masks" for name in FLAT}
    kept = decide(data, {"masks": "part"})
    assert left_out(kept) == {}
    assert all(not place.without for place in kept.of("class"))


def test_masks_that_are_worn_are_classes(tree):
    data = tree(*images_in("with_mask", "without_mask"))
    assert classes(decide(data, {})) == [("", "with_mask"), ("", "without_mask")]


def test_images_beside_masks_each_with_classes_are_one_pool(tree):
    layout = decide(tree(*both("images", "masks")), {})
    assert classes(layout) == [("", name) for name in FLAT]
    assert left_out(layout) == {"masks": "masks"}


def test_a_flat_test_folder_beside_classes_has_no_class(tree):
    data = tree(*images_in(*FLAT, "test"))
    layout = decide(data, {})
    assert classes(layout) == [("", name) for name in FLAT]
    assert left_out(layout) == {"test": "no class, unless you say --folders test=class"}
    assert classes(decide(data, {"test": "class"})) == [("", n) for n in (*FLAT, "test")]


def test_what_a_system_leaves_behind_is_no_class(tree):
    system = images_in("@eaDir", ".ipynb_checkpoints", "__MACOSX", "NORMAL/@eaDir")
    assert classes(decide(tree(*images_in(*FLAT), *system), {})) == [("", name) for name in FLAT]


def test_a_readme_beside_the_one_folder_that_holds_it_all_does_no_harm(tree):
    data = tree("README.md", "LICENSE", "sheet.xlsx", *both("chest_xray/train", "chest_xray/test"))
    layout = decide(data, {})
    assert layout.root == data / "chest_xray"
    assert layout.passed == (data,)
    assert len(classes(layout)) == 4


def test_folds_are_splits_that_the_user_chooses(tree):
    data = tree(*both("fold1", "fold2", "fold3"))
    with pytest.raises(DataError) as caught:
        decide(data, {})
    message = str(caught.value)
    assert "splits, and you choose which is test and which is val" in message
    assert "--folders fold1=test,fold2=val; or" in message
    assert "are the classes: --folders fold1=class,fold2=class,fold3=class" in message
    layout = decide(data, {"fold1": "test", "fold2": "val"})
    assert classes(layout) == [(s, n) for s in ("test", "train", "val") for n in FLAT]
    assert classes(decide(data, {"fold*": "part"})) == sorted([("", n) for n in FLAT] * 3)
    assert classes(decide(data, {"fold*": "class"})) == [("", f"fold{i}") for i in (1, 2, 3)]


def test_parts_of_one_pool_are_no_classes_and_a_table_there_is_named(tree):
    data = tree("Data_Entry_2017.csv", *images_in("images_001/images", "images_002/images"))
    with pytest.raises(DataError) as caught:
        decide(data, {})
    assert f"--data {data}/Data_Entry_2017.csv --images {data}" in str(caught.value)
    assert "--folders images_001=class,images_002=class" in str(caught.value)


REFUSED = [  # folders with images, and what is said
    (["train", "test"], "do not look like classes: give a table"),
    (["images", "masks"], "do not look like classes: give a table"),
    (["train/images", "train/labels", "val/images", "val/labels"], "do not look like classes"),
    (["patient00001/study1", "patient00002/study1"], "do not look like classes"),
    (["p10/p1000", "p11/p1100"], "do not look like classes"),
    (["NORMAL", "test"], r"test is a class: --folders test=class; or .*--folders test=skip"),
    (["car", "plane", "train"], r"train is a class: --folders train=class; or"),
    (["NORMAL", "PNEUMONIA", "masks"], r"masks/ is no class.*masks=skip; or masks is a class"),
    (["Seoul/a", "Seoul/b", "Busan/a", "Busan/b"], r"a, b are the classes: --folders .*=part"),
    (["train/a", "train/b", "bus", "car"], r"train/ is the train split: .*; or train is a class"),
    (["f1/train/a", "f1/val/a", "f2/train/a", "f2/val/a"], r"taken from f1, .*f1=part,f2=skip"),
    (["original/a", "original/b", "augmented/a", "augmented/b"], r"a, b are the classes"),
    (["data1", "data2", "data3"], "do not look like classes"),
]


@pytest.mark.parametrize(("folders", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_can_be_read_in_two_ways_is_refused_in_one_line(tree, folders, said):
    with pytest.raises(DataError, match=said) as caught:
        decide(tree(*images_in(*folders)), {})
    assert "\n" not in str(caught.value)
    assert "--folders" in str(caught.value)


CLASSES = [
    ["0", "1"],
    ["-1", "0", "1"],
    ["grade_0", "grade_1", "grade_2"],
    ["type1", "type2"],
    ["normal/p1", "normal/p2", "abnormal/p1", "abnormal/p2"],
    ["a/deeper", "b/deeper"],
    ["NA", "None", "nan"],
    ["Cat and Dog", "testicle", "trainer"],
]


@pytest.mark.parametrize("folders", CLASSES, ids=" ".join)
def test_plain_classes_are_not_questioned(tree, folders):
    layout = decide(tree(*images_in(*folders)), {})
    assert {label for _, label in classes(layout)} == {name.partition("/")[0] for name in folders}
    assert left_out(layout) == {}


def test_every_reading_that_a_question_offers_can_be_taken(tree):
    data = tree(*images_in("car", "plane", "train"))
    assert len(classes(decide(data, {"train": "class"}))) == 3
    assert len(classes(decide(data, {"train": "skip"}))) == 2
    sites = tree(*(f"sites/{path}" for path in both("Seoul", "Busan")))
    assert len(classes(decide(sites / "sites", {"Seoul": "part", "Busan": "part"}))) == 4
    chosen = decide(sites / "sites", {"Seoul": "test"})
    assert classes(chosen) == [(s, n) for s in ("test", "train") for n in FLAT]


def test_a_folder_that_is_not_there_is_refused_with_the_nearest(tree):
    with pytest.raises(
        DataError, match=r"'fold_1' is, and .* no such folder.*did you mean fold1 or fold2\?"
    ):
        decide(tree(*both("fold1", "fold2")), {"fold_1": "test", "fold2": "val"})


def test_a_class_may_be_called_as_a_split_inside_splits(tree):
    data = tree(*images_in("train/test", "train/control", "test/test", "test/control"))
    assert classes(decide(data, {})) == [
        (split, name) for split in ("test", "train") for name in ("control", "test")
    ]
