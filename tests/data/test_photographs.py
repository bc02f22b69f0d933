from collections import Counter

import numpy as np
import pytest
from PIL import Image

from pneumoray.data import photographs
from pneumoray.data.audit import audit
from pneumoray.data.demo import make_demo
from pneumoray.data.folder import scan
from pneumoray.data.image import load
from pneumoray.data.manifest import matched_patients
from pneumoray.data.photographs import PHOTOGRAPH_RULE, make_photographs
from pneumoray.data.read import read_facts
from pneumoray.data.rules import Rules
from pneumoray.data.split import leaks, resplit
from pneumoray.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_photographs(tmp_path_factory.mktemp("photographs") / "p", images_per_class=14)


@pytest.fixture
def few(tmp_path):
    return make_photographs(tmp_path / "few", num_classes=3, images_per_class=5)


def test_it_is_a_flat_folder_of_many_classes_grouped_by_visit(folder):
    manifest, findings = scan(folder, rules=Rules(patient_rule=PHOTOGRAPH_RULE))
    assert findings == []
    assert len(manifest.classes) == 12
    assert {"hyanggyo", "seowon"} < set(manifest.classes)
    assert manifest.images["label"].value_counts().to_dict() == dict.fromkeys(range(12), 14)
    assert set(manifest.images["split"]) == {""}
    assert matched_patients(manifest) == len(manifest.images)
    visits = manifest.images.groupby("group")
    assert visits["label"].nunique().max() == 1
    assert set(visits.size()) == {1, 2, 3, 4}


def test_the_audit_finds_nothing_to_fix_and_it_can_be_split(folder):
    manifest, findings = read_facts(scan(folder, rules=Rules(patient_rule=PHOTOGRAPH_RULE))[0])
    assert {f.kind for f in audit(manifest, findings, "rgb")} == {"mixed-sizes"}
    assert set(manifest.images["mode"]) == {"RGB"}
    assert set(manifest.images["format"]) == {"JPEG"}
    assert leaks(resplit(manifest)) == []


def test_photographs_are_of_several_sizes_and_both_orientations(folder):
    manifest, _ = read_facts(scan(folder, rules=Rules(patient_rule=PHOTOGRAPH_RULE))[0])
    sizes = Counter(zip(manifest.images["width"], manifest.images["height"], strict=True))
    assert set(sizes) == set(photographs.SIZES_PX)
    assert any(width < height for width, height in sizes)
    assert sizes.most_common()[-1][0] == (1280, 960)  # the large ones are few
    assert (manifest.images.groupby("group")["width"].nunique() == 1).all()  # one camera a visit


def test_neither_brightness_nor_the_mean_colour_tells_the_classes(folder):
    manifest, _ = scan(folder, rules=Rules(patient_rule=PHOTOGRAPH_RULE))
    images = resplit(manifest).images
    means = np.array([load_path(p).mean((0, 1)) for p in images["path"]])
    train = (images["split"] == "train").to_numpy()
    labels = images["label"].to_numpy()
    centres = np.stack([means[train & (labels == i)].mean(0) for i in range(12)])
    called = ((means[~train, None] - centres) ** 2).sum(-1).argmin(1)
    assert (called == labels[~train]).mean() < 0.25  # chance is 0.08


def load_path(path):
    with open(path, "rb") as file:
        return load(file.read(), 32, "squeeze", "rgb")


def test_the_same_seed_makes_the_same_files_and_another_seed_others(few, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in few.rglob("*")}
    assert make_photographs(few, num_classes=3, images_per_class=5) == few
    assert {path: path.stat().st_mtime_ns for path in few.rglob("*")} == before
    again = make_photographs(tmp_path / "again", num_classes=3, images_per_class=5)
    other = make_photographs(tmp_path / "other", seed=1, num_classes=3, images_per_class=5)
    names = {path.relative_to(few) for path in few.rglob("*.jpeg")}
    assert len(names) == 15
    assert all((few / name).read_bytes() == (again / name).read_bytes() for name in names)
    contents = [{path.read_bytes() for path in root.rglob("*.jpeg")} for root in (few, other)]
    assert not contents[0] & contents[1]


def test_another_folder_is_never_overwritten(few, tmp_path):
    with pytest.raises(DataError, match="is not this photographs data set"):
        make_photographs(few)
    demo = make_demo(tmp_path / "demo", scale=0.02)
    with pytest.raises(DataError, match="is not this photographs data set"):
        make_photographs(demo)
    with pytest.raises(DataError, match="is not this demo data set"):
        make_demo(few)


def test_interrupted_it_leaves_nothing(tmp_path, monkeypatch):
    calls = iter(range(3))
    real = Image.Image.save

    def save(self, *args, **options):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        real(self, *args, **options)

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(KeyboardInterrupt):
        make_photographs(tmp_path / "photographs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("num_classes", [1, 100])
def test_more_classes_than_landmarks_are_refused(tmp_path, num_classes):
    with pytest.raises(ValueError, match=f"num_classes is {num_classes}; from 2 to"):
        make_photographs(tmp_path / "photographs", num_classes=num_classes)
