import numpy as np
import pytest
from PIL import Image

from pneumoray.data.audit import audit
from pneumoray.data.demo import make_demo
from pneumoray.data.folder import scan
from pneumoray.data.image import load
from pneumoray.data.manifest import matched_patients
from pneumoray.data.read import read_facts
from pneumoray.data.split import leaks, resplit
from pneumoray.errors import DataError


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return make_demo(tmp_path_factory.mktemp("demo") / "chest", scale=0.2)


def test_it_has_the_layout_names_and_flaws_of_the_real_collection(demo):
    manifest, findings = scan(demo)
    assert [f.kind for f in findings] == ["patient-rule"]
    counts = manifest.images.groupby(["split", "label"]).size()
    assert counts.to_dict() == {
        ("train", 0): 40, ("train", 1): 100, ("val", 0): 8, ("val", 1): 8, ("test", 0): 12,
        ("test", 1): 19,
    }  # fmt: skip
    assert matched_patients(manifest) == len(manifest.images)
    assert manifest.images.groupby("patient").size().max() > 1
    assert leaks(manifest) == []
    kinds = {f.kind for f in audit(read_facts(manifest)[0])}
    assert kinds == {"small-validation", "imbalance", "mixed-sizes"}
    resplit(manifest)


def test_images_are_grey_and_of_several_sizes(demo):
    images = [Image.open(path) for path in sorted(demo.rglob("*.jpeg"))]
    try:
        assert {image.mode for image in images} == {"L"}
        assert len({image.size for image in images}) == 4
    finally:
        for image in images:
            image.close()


def test_brightness_alone_does_not_tell_the_ill_from_the_healthy(demo):
    table = scan(demo)[0].of_split("train")
    brightness = np.array(
        [load(open_bytes(p), 32, "squeeze", "grey").mean() for p in table["path"]]
    )
    ill, healthy = brightness[table["label"] == 1], brightness[table["label"] == 0]
    auroc = (ill[:, None] > healthy[None, :]).mean()
    assert 0.3 < auroc < 0.75


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def test_it_is_made_once_and_the_same_from_the_same_seed(demo, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    assert make_demo(demo, scale=0.2) == demo
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*")} == before
    again = make_demo(tmp_path / "again", scale=0.2)
    for path in sorted(demo.rglob("*.jpeg")):
        assert (again / path.relative_to(demo)).read_bytes() == path.read_bytes()


def test_another_folder_is_never_overwritten(demo, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="is not this demo"):
        make_demo(tmp_path / "mine")
    with pytest.raises(DataError, match="is not this demo"):
        make_demo(demo, seed=1)


def test_interrupted_it_leaves_nothing(tmp_path, monkeypatch):
    calls = iter(range(5))
    real = Image.Image.save

    def save(self, *args, **options):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        real(self, *args, **options)

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(KeyboardInterrupt):
        make_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []
