import numpy as np
import pytest

from pneumoray.data.landmarks import LANDMARKS, MATERIALS


@pytest.mark.parametrize("name", LANDMARKS)
def test_a_landmark_stands_on_the_ground_about_one_high_and_of_known_materials(name):
    parts = LANDMARKS[name]()
    points = np.concatenate([part.outline for part in parts])
    assert -0.05 < points[:, 1].min() < 0.05
    assert 0.6 < points[:, 1].max() < 1.1
    assert {part.material for part in parts} <= set(MATERIALS)


def test_the_look_alikes_are_among_the_first_twelve_and_of_the_same_materials():
    names = list(LANDMARKS)[:12]
    assert {"hyanggyo", "seowon"} < set(names)
    one, other = ({part.material for part in LANDMARKS[n]()} for n in ("hyanggyo", "seowon"))
    assert one == other
