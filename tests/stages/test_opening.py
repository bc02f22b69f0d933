"""Openings of a test split are counted by its images, whoever opens them."""

import shutil

from pneumoray.stages.opening import note_opening, times_opened
from pneumoray.study_file import parse
from pneumoray.workspace import open_workspace


def test_a_study_knows_how_often_its_test_images_were_opened(tmp_path, pack):
    place = open_workspace(tmp_path)
    own = place.packs / pack.hash[:16]
    shutil.copytree(pack.path, own)
    folder = place.study("x")
    study = parse({"name": "x", "backbones": ["resnet18"]})
    folder.claim(study, {"32px squeeze grey": pack.hash}, False, {"leaks_allowed": False})
    assert times_opened(folder) == 0
    assert note_opening(place, own, study="x") == 1
    assert note_opening(place, own, study="another on the same images") == 2
    assert times_opened(folder) == 2
    shutil.rmtree(own)
    assert times_opened(folder) is None
