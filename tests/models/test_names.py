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


def test_every_name_that_timm_has_given_up_has_the_family_of_its_network():
    """What timm builds under an old name lies in the module of that family."""
    old = timm.models.get_deprecated_models()
    assert len(old) > 200
    for backbone, present in old.items():
        assert names.present_name(backbone) == present
        network = present.partition(".")[0]
        assert timm.models.is_model_in_modules(network, [names.family_of(backbone)]), backbone
        assert names.family_of(backbone) == names.family_of(present)


@pytest.mark.parametrize(
    "backbone", ["resnet18", "resnet18.a1_in1k", "C64-P-F-D", "alexnet", "collections:OrderedDict"]
)
def test_a_present_name_stays(backbone):
    assert names.present_name(backbone) == backbone


def test_an_old_name_has_the_stages_of_its_network():
    assert names.stages("tv_densenet121") == names.stages("densenet121")
    assert names.stages("tv_resnet50") == names.stages("resnet50") != {}


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (
            "resnet18.a1_in1l",
            r"no weights 'a1_in1l': its tags are a1_in1k, .* did you mean a1_in1k",
        ),
        ("resnet18.", "resnet18 has no weights ''"),
        ("tv_resnet50.a1_in1k", "timm has none of it"),  # the old name means a tag already
        (
            "vit_base_patch32_224_sam",
            "^timm has renamed vit_base_patch32_224_sam to vit_base_patch32_224.sam, and has no such "
            "weights any more: take vit_base_patch32_224.sam_in1k$",
        ),
        ("hf_hub:timm/resnet18.a1_in1k", r"is a place: .* weights: hub, or weights: FOLDER"),
        ("HF-Hub:timm/resnet18.a1_in1k", "is a place"),
        ("local-dir:/models/resnet18", "is a place"),
        ("timm/resnet18", "there is no backbone"),
        ("/models/nets:small", "write module:function"),
        ("..:small", "write module:function"),
        (".nets:small", "write module:function"),
        ("nets:small/..", "write module:function"),
        ("nets:small\n", "write module:function"),
    ],
)
def test_a_word_that_is_no_network_says_what_to_write(backbone, message):
    with pytest.raises(StudyError, match=message) as caught:
        names.check_backbone(backbone)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_while_it_is_imported_is_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "broken_nets.py").write_text("raise RuntimeError('no\\nGPU')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StudyError, match=r"can't be imported \(no GPU\)"):
        names.check_backbone("broken_nets:small")


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
