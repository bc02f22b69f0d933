import subprocess
import sys

import pytest
import timm

from pneumoray.errors import StudyError
from pneumoray.models import names


def test_the_table_of_families_agrees_with_timm():
    for family, backbones in names.FAMILIES.items():
        for backbone in set(backbones) - {*names.TORCHVISION, names.BOTTLENECK}:
            module = timm.models.model_entrypoint(backbone).__module__
            assert module == f"timm.models.{family}", backbone


@pytest.mark.parametrize(
    ("backbone", "family"),
    [
        ("vgg16_bn", "vgg"),
        ("tf_efficientnet_lite0", "efficientnet"),
        ("googlenet", "googlenet"),
        ("convnext_tiny", "convnext"),  # not in the table: timm is asked
        ("resnet18.a1_in1k", "resnet"),
        ("collections:OrderedDict", "OrderedDict"),
        ("bottleneck_resnet", "bottleneck"),
        ("C64-C64-P-C128-C128-P-F-D128-D", "layers"),
        ("C-P-X3-P", "layers"),  # impossible, which models/layers.py says with the position
        ("F", "layers"),
    ],
)
def test_family_of(backbone, family):
    assert names.family_of(backbone) == family


def test_shipped_names_need_neither_torch_nor_timm():
    code = (
        "import sys; from pneumoray.models import names; names.check_backbone('vgg16');"
        "names.family_of('alexnet'); names.family_of('C64-P-F-D'); names.stages('resnet50');"
        "print(sorted({'torch', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_known_backbones_hold_the_table_and_can_all_be_named():
    known = names.known_backbones()
    assert {backbone for family in names.FAMILIES.values() for backbone in family} <= set(known)
    assert len(known) > 1000
    assert known == sorted(known)
    for backbone in known:
        names.check_backbone(backbone)


@pytest.mark.parametrize(
    ("backbone", "near"),
    [
        ("ResNet18", "resnet18"),
        ("resnet-18", "resnet18"),
        ("VGG16", "vgg16"),
        ("efficientnet-b0", "efficientnet_b0"),
        ("mobilenet_v2", "mobilenetv2_100"),
        ("alexnett", "alexnet"),
        ("bottleneck-resnet", "bottleneck_resnet"),
    ],
)
def test_a_misspelt_backbone_is_refused_with_near_names(backbone, near):
    with pytest.raises(StudyError, match=rf"'{backbone}'.*did you mean .*\b{near}\b") as caught:
        names.check_backbone(backbone)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("no_such_module:network", "No module named 'no_such_module'"),
        ("math:network", "has no attribute 'network'"),
        ("math:pi", "no function but float"),
        (":network", "can't be imported"),
        ("math:", "can't be imported"),
        ("c64-p-f-d", "a layer string as C64-P-F-D"),  # small letters are names
    ],
)
def test_a_backbone_that_is_not_there_is_refused(backbone, message):
    with pytest.raises(StudyError, match=message):
        names.check_backbone(backbone)
