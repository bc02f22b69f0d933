"""A study is checked once, where it is read: good ones give configurations, bad ones one line."""

import pickle

import pydantic
import pytest

from pneumoray import study as studies
from pneumoray.config import Config
from pneumoray.errors import StudyError
from pneumoray.grid import configurations
from pneumoray.study_file import parse, read, shipped

BASE = {"name": "x", "backbones": ["resnet18"], "epochs": 4, "race": {"rungs": [1]}}


def study(**fields):
    return parse(BASE | fields)


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", shipped())
def test_shipped_studies_can_be_read_and_say_what_they_are(name):
    study_ = read(name)
    assert study_.name == name
    assert study_.description
    configs = configurations(study_)
    assert len({config.trial_id for config in configs}) == len(configs) > 1


def test_the_main_studies_are_shipped():
    assert {"demo", "xray", "xray-64"} <= set(shipped())


SEEDS = {"team-zoo", "resnet18-scratch", "transfer-head", "layer-order", "landmarks"}


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_small_keeps_the_axes_of_a_study(name):
    """Every comparison, arm and axis is there; only the values of sizes and epochs may be others."""
    full, small = read(name), read(name, small=True)
    assert small.name == f"{name}-small"
    assert small.seeds == 3
    assert small.tables().keys() == full.tables().keys()
    for table, shrunk in zip(full.tables().values(), small.tables().values(), strict=True):
        assert list(table["arms"]) == list(shrunk["arms"])
        assert list(table["grid"]) == list(shrunk["grid"])
        for axis, values in table["grid"].items():
            assert len(values) == len(shrunk["grid"][axis])
            shrinks = axis in ("epochs", "image_size", "batch_size")
            assert shrinks or values == shrunk["grid"][axis]


def test_a_study_without_a_small_table_says_so():
    with pytest.raises(StudyError, match="xray has no table 'small'; lower its sizes with --set"):
        read("xray", small=True)


def test_the_demo_is_as_the_readme_says():
    configs = configurations(read("demo"))
    assert {config.family for config in configs} == {"vgg", "resnet", "efficientnet"}
    points = {(c.backbone, c.optimizer, c.lr) for c in configs}
    assert len(points) == len(configs) == 12


def test_a_grid_multiplies_in_the_order_written():
    made = configurations(
        study(
            grid={"optimizer": ["adamw", "sgd"], "lr": [0.1, 0.2]}, backbones=["resnet18", "vgg11"]
        )
    )
    points = [(config.backbone, config.optimizer, config.lr) for config in made]
    half = [("adamw", 0.1), ("adamw", 0.2), ("sgd", 0.1), ("sgd", 0.2)]
    assert points == [("resnet18", *p) for p in half] + [("vgg11", *p) for p in half]


def test_a_list_of_grids_adds_up():
    made = configurations(
        study(
            grid=[{"optimizer": ["adamw"], "lr": [1e-3]}, {"optimizer": ["sgd"], "lr": [0.1, 0.2]}]
        )
    )
    assert [(c.optimizer, c.lr) for c in made] == [("adamw", 1e-3), ("sgd", 0.1), ("sgd", 0.2)]


def test_no_grid_is_one_configuration_a_backbone():
    (only,) = configurations(study())
    assert (only.backbone, only.epochs, only.family) == ("resnet18", 4, "resnet")


def test_a_backbone_has_settings_and_a_grid_of_its_own():
    own = {"backbone": "vgg11", "dropout": 0.5, "grid": {"lr": [0.3]}, "family": "mine"}
    resnet, vgg = configurations(study(backbones=["resnet18", own], grid={"lr": [0.1]}, seed=3))
    assert (resnet.lr, resnet.dropout, resnet.seed) == (0.1, 0.0, 3)
    assert (vgg.lr, vgg.dropout, vgg.seed, vgg.family) == (0.3, 0.5, 3, "mine")


def test_an_axis_wins_over_the_backbone_and_that_over_the_study():
    own = {"backbone": "resnet18", "weight_decay": 0.2, "dropout": 0.2}
    (config,) = configurations(
        study(backbones=[own], weight_decay=0.1, dropout=0.1, lr=0.1, grid={"dropout": [0.3]})
    )
    assert (config.lr, config.weight_decay, config.dropout) == (0.1, 0.2, 0.3)


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step"])
def test_the_trial_id_hashes_what_decides_the_weights(schedule):
    base = Config(backbone="resnet18", schedule=schedule, workers=1)
    assert base.trial_id.startswith("resnet18-")
    assert base.trial_id == Config.model_validate(base.model_dump()).trial_id
    for field, value in {"seed": 1, "workers": 2, "lr": 0.5, "family": "other"}.items():
        assert base.model_copy(update={field: value}).trial_id != base.trial_id
    longer = base.model_copy(update={"epochs": 99})
    assert (longer.trial_id == base.trial_id) == (schedule != "cosine")


def test_the_trial_id_is_a_plain_folder_name():
    own = Config(backbone="collections:OrderedDict", family="own")
    assert own.trial_id.startswith("collections-OrderedDict-")


@pytest.mark.parametrize(
    ("fields", "trial_id"),
    [
        ({"backbone": "tv_resnet50"}, "tv_resnet50-dfba26e1"),
        ({"backbone": "tv_resnet50", "family": ""}, "tv_resnet50-dfba26e1"),
        ({"backbone": "tv_resnet50", "family": None}, "tv_resnet50-dfba26e1"),
        ({"backbone": "ssl_resnet18", "lr": 0.01}, "ssl_resnet18-73e37022"),
        ({"backbone": "tv_resnet50", "family": "resnet"}, "tv_resnet50-b92028c8"),
        ({"backbone": "convnext_tiny"}, "convnext_tiny-0db4eaf5"),
        ({"backbone": "resnet18"}, "resnet18-4395f391"),
        ({"backbone": "C4-P-F-D", "family": "good"}, "C4-P-F-D-c308ff7c"),
    ],
)
def test_what_was_trained_under_an_old_name_of_timm_is_found_again(fields, trial_id):
    """Its family was '_registry' once, and ids that hash that stay."""
    config = Config(**fields)
    assert config.trial_id == config.model_copy(update={"workers": 1}).trial_id == trial_id
    assert config.trial_id == pickle.loads(pickle.dumps(config)).trial_id  # as Ray sends it


@pytest.mark.parametrize("family", [{}, {"family": "resnet"}])
def test_a_dump_of_an_old_name_has_the_id_of_a_family_that_was_given(family):
    config = Config(backbone="tv_resnet50", **family)
    assert Config.model_validate(config.model_dump()).trial_id == "tv_resnet50-b92028c8"
    only_set = config.model_dump(exclude_unset=True)
    assert Config.model_validate(only_set).trial_id == config.trial_id
    assert config.family in ("resnet", "convnext", "good")


def test_families_of_any_script_are_kept_as_they_are():
    own = [{"backbone": "C4-P-F-D", "family": "우리 모델"}, {"backbone": "C5-P-F-D"}]
    made = configurations(study(name="폐렴-64", backbones=own, race="full"))
    assert [config.family for config in made] == ["우리 모델", "layers"]


def test_channels_follow_the_colour():
    assert Config(backbone="resnet18").in_chans == 1
    assert Config(backbone="resnet18", color="rgb").in_chans == 3


def test_a_study_is_frozen():
    with pytest.raises(pydantic.ValidationError):
        study().epochs = 5


def test_overrides_are_yaml_and_reach_inside(tmp_path):
    path = write(
        tmp_path / "x.yaml", "name: x\nbackbones: [resnet18]\nrace: {rungs: [1], eta: 2}\n"
    )
    made = read(
        path, ["epochs=9", "lr=1e-4", "race.rungs=[2, 3]", "grid.lr=[1e-3, 2]", "flip=false"]
    )
    assert (made.epochs, made.lr, made.rungs, made.race.eta) == (9, 1e-4, [2, 3], 2)
    assert made.grid == {"lr": [1e-3, 2]}
    assert made.flip is False
    assert read(path, ["race=full"]).rungs == []
    assert read(path, ["patient_rule=^(p=[0-9]+)"]).patient_rule == "^(p=[0-9]+)"


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.e-3", ".1e-2", "+1e-3", "0.001"])
def test_numbers_are_read_as_people_write_them(tmp_path, number):
    path = write(tmp_path / "x.yaml", f"name: x\nbackbones: [resnet18]\nlr: {number}\n")
    assert read(path).lr == 0.001


def test_a_folder_of_weights_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert study(weights="mine").weights == str(tmp_path / "mine")
    assert study(weights="hub").weights == "hub"


@pytest.mark.parametrize(
    ("fields", "rungs"),
    [
        ({}, [2]),
        ({"epochs": 3}, [2]),
        ({"epochs": 2}, [1]),
        ({"epochs": 1}, []),
        ({"grid": {"epochs": [5, 2]}}, [1]),
        ({"backbones": ["vgg11", {"backbone": "resnet18", "epochs": 1}]}, []),
        ({"backbones": [], "arms": {"short": {"backbone": "resnet18", "epochs": 2}}}, [1]),
        ({"comparisons": {"one": {"epochs": 4}, "two": {"grid": [{"epochs": [2]}]}}}, [1]),
    ],
)
def test_a_race_that_nobody_wrote_fits_the_epochs(fields, rungs):
    made = parse({"name": "x", "backbones": ["resnet18"]} | fields)
    assert made.rungs == rungs
    assert made.fingerprint()["race"] == ({"rungs": rungs, "eta": 4} if rungs else "full")


def test_a_race_that_is_written_is_not_moved():
    for race in ({}, {"rungs": [2]}, {"eta": 2}):
        with pytest.raises(StudyError, match=r"rung 2 of the race must come before epochs 2"):
            study(epochs=2, race=race)


def _family(name):
    return {"backbone": "C4-P-F-D", "family": name}


BAD = {
    "misspelt key": ({"epoch": 3}, "unknown key 'epoch'; did you mean epochs"),
    "unknown key": ({"zzzzzz": 3}, "unknown key 'zzzzzz'; known are"),
    "key of race": ({"race": {"rung": [1]}}, "rung'; did you mean rungs"),
    "key of backbone": (
        {"backbones": [{"backbone": "resnet18", "dropuot": 0.1}]},
        "backbone resnet18: unknown key 'dropuot'; did you mean dropout",
    ),
    "axis": ({"grid": {"lrr": [1]}}, "grid axis 'lrr' is no field of a configuration"),
    "axis without values": ({"grid": {"lr": []}}, "grid axis 'lr' needs a list"),
    "axis of one value": ({"grid": {"lr": 0.1}}, "lr"),
    "value of an axis": ({"grid": {"lr": [-1]}}, "lr -1"),
    "range": ({"dropout": 1.5}, "dropout 1.5"),
    "word": ({"optimizer": "adagrad"}, "optimizer 'adagrad'"),
    "type": ({"epochs": "many"}, "epochs 'many'"),
    "empty": ({"backbones": []}, "no backbone is named"),
    "no list": ({"backbones": "resnet18"}, "backbones"),
    "backbone without name": ({"backbones": [{"lr": 1}]}, "names no backbone"),
    "backbone": ({"backbones": ["resnet81"]}, "did you mean resnet"),
    "spelling": ({"backbones": ["ResNet18"]}, "did you mean resnet18"),
    "twice": ({"backbones": ["resnet18", "resnet18"]}, "asked for twice"),
    "workers": ({"workers": 3, "batch_size": 32}, "batch_size 32"),
    "rungs that fall": ({"race": {"rungs": [2, 1]}}, "rungs"),
    "rung past the end": ({"epochs": 3, "race": {"rungs": [3]}}, "must come before epochs 3"),
    "rung past a backbone's end": (
        {"backbones": [{"backbone": "resnet18", "epochs": 1}]},
        "epochs 1 of resnet18",
    ),
    "pattern": ({"patient_rule": "("}, "patient_rule '(': is no regular expression (missing )"),
    "pixel range": ({"pixel_range": [1, 0]}, "must be two numbers that rise, such as [0, 4095]"),
    "name": ({"name": "a/b"}, "name 'a/b': it has '/', and only letters, digits"),
    "family": (
        {"backbones": [_family("../trials")]},
        "family '../trials' can't be the name of a folder",
    ),
    "family of the vote": ({"backbones": [_family("Ensemble")]}, "is what the vote is called"),
    "family as an axis": ({"grid": {"family": ["a", "b:c"]}}, "family 'b:c'"),
    "families": ({"backbones": ["resnet18", _family("ResNet")]}, "resnet and ResNet would be one"),
    "comparison": ({"comparisons": {"a/b": {}}}, "comparisons.a/b 'a/b': it has '/'"),
    "comparisons": ({"comparisons": {"A": {}, "a": {}}}, "A and a would be one file"),
    "arm": ({"arms": {"a\0": {}}}, r"arm 'a\x00': it has the character '\x00'"),
    "tag of weights": ({"backbones": ["resnet18.a1"]}, "resnet18 has no weights 'a1'"),
    "key that is no word": ({1: 2}, "1"),
}


@pytest.mark.parametrize(("fields", "message"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_one_line_that_names_it(fields, message):
    with pytest.raises(StudyError) as caught:
        parse(BASE | fields)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_FILES = {
    "not there": (None, "can't be read: No such file"),
    "no yaml": ("a: [", "no valid YAML"),
    "no keys": ("- a", "must hold keys and values"),
    "empty": ("", "must hold keys and values"),
    "no name": ("backbones: [resnet18]", "key 'name' is missing"),
    "no text": (b"\xff\xfe\x00\xd8", "x.yaml"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_file_that_is_no_study_is_one_line(tmp_path, content, message):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StudyError) as caught:
        read(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_study_offers_those_there_are():
    with pytest.raises(StudyError, match=r"no study 'xray64'.*demo.*did you mean xray-64"):
        read("xray64")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", "not of the form key=value"),
        ("=3", "not of the form key=value"),
        ("epocs=3", "did you mean epochs"),
        ("epochs=[", "no valid value"),
        ("name.x=3", "has no keys"),
        ("race.eta=1", "eta"),
    ],
)
def test_a_mistaken_override_is_one_line(override, message):
    with pytest.raises(StudyError) as caught:
        read("demo", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words_and_places_do_not_make_another_study():
    same = study(description="other words", data="/elsewhere", images="/there", positive="ill")
    assert same.fingerprint() == study().fingerprint()
    assert study(seed=1).fingerprint() != study().fingerprint()


def test_the_positive_class_is_a_word_or_a_number_but_no_truth_of_yaml():
    assert study().positive is None
    assert read("demo", ["positive=PNEUMONIA"]).positive == "PNEUMONIA"
    assert read("demo", ["positive=1"]).positive == "1"
    with pytest.raises(StudyError, match=r"positive False: YAML reads.*put the class in quotes"):
        read("demo", ["positive=no"])
    assert read("demo", ["positive='no'"]).positive == "no"
    with pytest.raises(StudyError, match="'positive' belongs to the whole study"):
        study(grid={"positive": ["a", "b"]})


def test_optional_backbones_can_be_left_out():
    optional = {"backbone": "tf_efficientnet_lite0", "weights": "package", "optional": True}
    made = study(backbones=["resnet18", optional])
    assert studies.optional_backbones(made) == [("tf_efficientnet_lite0", "package")]
    less = studies.without_backbones(made, ["tf_efficientnet_lite0"])
    assert [config.backbone for config in configurations(less)] == ["resnet18"]
    with pytest.raises(StudyError, match="nothing is left"):
        studies.without_backbones(study(backbones=[optional]), ["tf_efficientnet_lite0"])
