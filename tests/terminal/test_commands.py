"""Commands in-process: every mistake is one line on stderr, exit 1 or 2, and nothing half-written."""

import itertools
import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from pneumoray.study_file import parse, shipped
from pneumoray.terminal.main import main
from pneumoray.workspace import open_workspace

HEAVY = ("torch", "ray", "mlflow", "timm", "pandas", "numpy", "pydantic", "rich", "sklearn")
SMALL = "name: small\nbackbones: [mobilenetv3_small_100]\nimage_size: 32\nepochs: 2\nrace: full\n"
NOBODY = "127.0.0.1:1"  # no one listens there


@pytest.fixture
def here(tmp_path, monkeypatch, xrays):
    """An empty current folder, with the tests' images as 'xrays' and a small study beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "small.yaml").write_text(SMALL)
    (folder / "xrays").symlink_to(xrays)
    return folder


def invoke(*arguments, **environment):
    return CliRunner().invoke(main, [str(a) for a in arguments], env=environment)


def written(folder):
    """What a command left in a workspace, less locks and whole Packs, which the next one may use."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    whole = {path.parent.relative_to(folder) for path in folder.glob("packs/*/pack.json")}
    return [
        path
        for path in files
        if path.suffix != ".lock"
        and path.name != ".lock"
        and path.parent not in (*whole, Path("packs/requests"))
    ]


def draw(path, level=0, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)


def no_images(here):
    (here / "data" / "NORMAL").mkdir(parents=True)
    return []


def one_class(here):
    draw(here / "data" / "NORMAL" / "IM-1-1.png")
    draw(here / "data" / "NORMAL" / "IM-2-1.png")
    return []


def three_classes(here):
    for name in ("A", "B", "C"):
        for i in range(4):
            draw(here / "data" / name / f"person{ord(name)}{i}_virus_{i}.png")
    return ["--data", "data"]


def one_patient(here):
    shutil.copytree(here / "xrays", here / "data")
    for path in (here / "data" / "PNEUMONIA").iterdir():
        if not path.name.startswith("person0_"):
            path.unlink()
    return []


def no_patients(here):
    for name in ("NORMAL", "PNEUMONIA"):
        (here / "data" / name).mkdir(parents=True)
        for i, path in enumerate(sorted((here / "xrays" / name).iterdir())):
            shutil.copy(path, here / "data" / name / f"{i}.png")
    return []


def several_labels(here):
    draw(here / "a.png")
    (here / "table.csv").write_text("path,label\na.png,NORMAL|PNEUMONIA\na.png,NORMAL\n")
    return ["--data", "table.csv"]


def misspelt(here):
    (here / "small.yaml").write_text(SMALL.replace("epochs", "epohcs"))
    return []


def file_as_workspace(here):
    (here / "file").write_text("")
    return ["--workspace", here / "file" / "ws"]


def damaged_settings(here):
    (here / "bad.yaml").write_text("tracking_url: http://x")
    return ["--mlflow", "bad.yaml"]


def patients_in_train_and_test(here):
    images = itertools.product(("train", "test"), ("A", "B"), range(4))
    for level, (split, name, i) in enumerate(images):
        draw(here / "data" / split / name / f"person{ord(name)}{i}_virus_{split}.png", level)
    return []


TRAIN = ["train-all", "--study", "small.yaml"]
DATA, XRAYS = ["--data", "data"], ["--data", "xrays"]
# name: (command, what sets it up and may add arguments, what the line says: the thing; the next step)
MISTAKES = {
    "no data named": (TRAIN, None, "names no data.*--data.*PNEUMORAY_DATA.*--study demo"),
    "no such folder": (
        [*TRAIN, "--data", "nowhere"],
        None,
        "nowhere does not exist; name an image folder or a CSV table",
    ),
    "no images": ([*TRAIN, *DATA], no_images, "data"),
    "one class only": ([*TRAIN, *DATA], one_class, r"one class only \(NORMAL\)"),
    "class with one patient": ([*TRAIN, *DATA], one_patient, "PNEUMONIA has 1 patient"),
    "leaks": ([*TRAIN, *DATA], patients_in_train_and_test, "in test and in train.*--allow-leaks"),
    "no patient known": ([*TRAIN, *DATA], no_patients, "patient_rule.*--no-patients"),
    "several labels": (TRAIN, several_labels, "label"),
    "misspelt key": ([*TRAIN, *XRAYS], misspelt, "'epohcs'; did you mean epochs"),
    "a word for a number": (
        [*TRAIN, *XRAYS, "--set", "lr=abc"],
        None,
        "^error: study: lr 'abc': it has to be a valid number$",
    ),
    "a part of an epoch": (
        [*TRAIN, *XRAYS, "--set", "epochs=1.5"],
        None,
        "^error: study: epochs 1.5: it has to be a valid integer$",
    ),
    "below the range": (
        [*TRAIN, *XRAYS, "--set", "epochs=0"],
        None,
        "^error: study: epochs 0: it has to be greater than or equal to 1$",
    ),
    "misspelt override": ([*TRAIN, "--set", "epohcs=3"], None, "'epohcs'; did you mean epochs"),
    "no such study": (["train-all", "--study", "xray64"], None, "'xray64'.*did you mean xray-64"),
    "no such study file": (["train-all", "--study", "x.yaml"], None, r"x\.yaml can't be read"),
    "no such backbone": (
        [*TRAIN, *XRAYS, "--set", "backbones=[resnet81]"],
        None,
        "'resnet81'.*did you mean resnet",
    ),
    "no such module": ([*TRAIN, "--set", "backbones=['nowhere:net']"], None, "nowhere.*PYTHONPATH"),
    "no weights in packages": (
        [*TRAIN, *XRAYS, "--set", "weights=package"],
        None,
        "mobilenetv3_small_100",
    ),
    "no weights in the folder": ([*TRAIN, *XRAYS, "--set", "weights=./mine"], None, "mine"),
    "workspace under a file": (
        [*TRAIN, *XRAYS],
        file_as_workspace,
        "can't be written.*--workspace",
    ),
    "settings with a misspelt key": (
        [*TRAIN, *XRAYS],
        damaged_settings,
        "did you mean tracking_uri",
    ),
    "settings not there": (
        [*TRAIN, *XRAYS, "--mlflow", "none.yaml"],
        None,
        "none.yaml can't be read",
    ),
    "tracking server down": (
        [*TRAIN, *XRAYS],
        {"MLFLOW_TRACKING_URI": f"http://{NOBODY}"},
        f"{NOBODY} can't be reached.*--mlflow",
    ),
    "tracking URI of no kind": (
        [*TRAIN, *XRAYS],
        {"MLFLOW_TRACKING_URI": "ftp://x"},
        "ftp://x.*http://",
    ),
    "cluster down": ([*TRAIN, *XRAYS], {"RAY_ADDRESS": NOBODY}, f"answers at {NOBODY}.*start one"),
    "cluster named down": ([*TRAIN, *XRAYS, "--address", NOBODY], None, f"answers at {NOBODY}"),
    "address of no kind": ([*TRAIN, *XRAYS, "--address", "head"], None, "'head'.*HOST:PORT"),
    "ensemble before training": (["ensemble"], None, "nothing is trained.*train-all"),
    "predict before training": (["predict", "xrays"], None, "nothing is trained.*train-all"),
    "predict with no such model": (
        ["predict", "xrays", "--model", "mine"],
        None,
        "no model 'mine': .*has no studies; or name a bundle's folder, or models:/NAME@champion",
    ),
    "evaluate before training": (["evaluate", "xrays"], None, "nothing is trained.*train-all"),
    "classes of no form": (
        ["evaluate", "xrays", "--classes", "ill"],
        None,
        "'ill' is not of the form DATA=MODEL",
    ),
    "leaderboard before training": (["leaderboard"], None, "nothing is trained.*train-all"),
    "one logit for three classes": (
        [*TRAIN, "--set", "output=sigmoid"],
        three_classes,
        "one logit for two classes, and the data has 3 classes.*softmax",
    ),
    "axis that does not exist": (
        [*TRAIN, *XRAYS, "--set", "grid.lrr=[1]"],
        None,
        "grid axis 'lrr' is no field.*mean lr",
    ),
    "empty axis": ([*TRAIN, *XRAYS, "--set", "grid.lr=[]"], None, "'lr' needs a list of values"),
    "stage on a layer string": (
        [*TRAIN, *XRAYS, "--set", "backbones=[C8-P-F-D]", "--set", "freeze=layer2"],
        None,
        "C8-P-F-D",
    ),
    "too many trials": (
        [*TRAIN, *XRAYS, "--set", f"grid.seed={list(range(501))}"],
        None,
        "501 trials, more than 500.*--yes",
    ),
    "too many trials to pack": (
        ["pack", *TRAIN[1:], *XRAYS, "--set", f"grid.seed={list(range(501))}"],
        None,
        "501 trials, more than 500.*--yes",
    ),
    "one logit to pack": (
        ["pack", *TRAIN[1:], "--set", "output=sigmoid"],
        three_classes,
        "3 classes: use output: softmax",
    ),
    "layer string": (["layers", "C8-D-F-D"], None, r"position 2 \(D\).*8 x 224 x 224"),
    "compare before training": (["compare", "--by", "lr"], None, "nothing is trained.*train-all"),
    "no small table": ([*TRAIN, *XRAYS, "--small"], None, "no table 'small'"),
    "audit of nothing": (
        ["audit", "nowhere"],
        None,
        "nowhere does not exist; name an image folder or a CSV table$",
    ),
    "audit with no pattern": (
        ["audit", "xrays", "--patient-rule", "("],
        None,
        "regular expression",
    ),
    "positive class that is none": (
        [*TRAIN, *XRAYS, "--positive", "ILL"],
        None,
        "positive class 'ILL' is none of the classes NORMAL, PNEUMONIA",
    ),
    "positive class of three": (
        ["pack", *TRAIN[1:], "--positive", "A"],
        three_classes,
        "the data has 3 classes",
    ),
    "pack of nothing": (["pack", "--study", "small.yaml"], None, "names no data"),
    "dry run without data": ([*TRAIN, "--dry-run"], None, "names no data"),
}


@pytest.mark.parametrize(("command", "prepare", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line(here, command, prepare, said):
    environment = prepare if isinstance(prepare, dict) else {}
    more = prepare(here) if callable(prepare) else []
    result = invoke(*command, *more, **environment)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit)  # no traceback
    lines = result.stderr.splitlines()
    assert re.search(said, lines[-1]), result.stderr
    assert lines[-1].startswith("error: ")
    told = ("read ", "positive class: ", "patients are known by the rule ", str(here), "  ")
    assert [line for line in lines if not line.startswith(told)] == [lines[-1]]
    assert result.stdout == ""
    assert written(here / "pneumoray-workspace") == []


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, "2.22.0", "version 2.22.0; 3 or newer"),
        (200, "<html>", "is no MLflow server"),
        (401, "", "MLFLOW_TRACKING_USERNAME"),
        (500, "", "HTTP 500"),
    ],
)
def test_a_server_that_will_not_do_is_one_line(here, server, status, text, said):
    result = invoke(*TRAIN, *XRAYS, MLFLOW_TRACKING_URI=server(status, text))
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert said in line
    assert written(here / "pneumoray-workspace") == []


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["ensemble"], "--study"),
        (["leaderboard"], "--study"),
        (["compare", "--by", "lr"], "--study"),
        (["ui"], "--study"),
        (["predict", "xrays"], "--model"),
        (["evaluate", "xrays"], "--model"),
    ],
)
def test_several_studies_must_be_told_apart_with_an_option_that_is_there(here, command, option):
    place = open_workspace()
    for name in ("a", "b"):
        study = parse({"name": name, "backbones": ["resnet18"]})
        place.study(name).claim(study, {}, False, {"leaks_allowed": False})
    before = written(place.root)
    holds = f"error: workspace {place.root} holds"
    result = invoke(*command)
    assert result.exit_code == 1
    assert result.stderr == f"{holds} several studies: choose with {option} from a, b\n"
    result = invoke(*command, option, "c")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.search("no (study|model) 'c'.*a, b", line)
    assert written(place.root) == before


def test_a_study_in_use_is_one_line(here):
    with open_workspace().study("small").locked():
        result = invoke(*TRAIN, *XRAYS)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "in use by another process" in line


def run_python(code):
    """(stdout, seconds of processor time) of a fresh Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_help_is_instant():
    code = (
        "import sys; from pneumoray.terminal.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    said, seconds = run_python(code)
    assert "train-all" in said
    assert said.splitlines()[-1] == "[]"
    assert seconds < 1


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_says_what_it_does(command):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert main.commands[command].help.splitlines()[0] in result.stdout


def test_studies_lists_what_is_shipped():
    result = invoke("studies")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert names == shipped()
    assert {"demo", "xray", "xray-64", "zoo", "layer-order", "landmarks"} <= set(names)


@pytest.mark.parametrize("name", shipped())
def test_studies_show_prints_the_yaml_with_its_header(name):
    result = invoke("studies", "show", name)
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["name"] == name
    for word in ("# source ", "# command ", "# hardware "):
        assert word in result.stdout
    assert invoke("studies", "show", "nosuch").exit_code == 1


def test_studies_needs_no_torch():
    code = "import sys; from pneumoray.terminal.main import main; main(['studies'], standalone_mode=False)\n"
    said, _ = run_python(code + "print([n for n in ('torch', 'ray', 'timm') if n in sys.modules])")
    assert said.splitlines()[-1] == "[]"


def test_a_dry_run_plans_and_starts_nothing(here):
    result = invoke(*TRAIN, *XRAYS, "--set", "grid.lr=[1e-3, 1e-4]", "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("mobilenetv3_small_100-") == 2  # two trials
    assert "2 trials" in result.stdout
    assert "nothing started" in result.stdout
    assert "positive class: PNEUMONIA (NORMAL is negative by its name)" in result.stderr
    assert not (here / "pneumoray-workspace").exists()


@pytest.mark.parametrize("command", [["train-all"], ["train-all", "--dry-run"], ["pack"]])
@pytest.mark.parametrize(
    ("num_gpus", "name", "why"),
    [(0, "xray-64", "for CPUs: no GPU here"), (2, "xray", "for GPUs: 2 GPU(s) here")],
)
def test_without_a_study_the_first_line_names_the_one_taken(
    here, monkeypatch, command, num_gpus, name, why
):
    monkeypatch.setattr("torch.cuda.device_count", lambda: num_gpus)
    result = invoke(*command)
    first, last = result.stderr.splitlines()
    assert first == (
        f"study {name}, {why}; choose another with --study NAME ('pneumoray studies' lists them)"
    )
    assert last.startswith(f"error: study {name} names no data")


def test_a_wish_for_a_gpu_that_is_not_there_is_the_same_line_in_a_dry_run(here, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    trained = invoke(*TRAIN, *XRAYS, "--device", "cuda")
    planned = invoke(*TRAIN, *XRAYS, "--device", "cuda", "--dry-run")
    assert (trained.exit_code, planned.exit_code) == (1, 1)
    assert trained.stderr == planned.stderr
    assert trained.stderr.startswith("error: --device cuda wants a GPU")
    assert "--device cpu" in trained.stderr
    assert written(here / "pneumoray-workspace") == []


def test_pack_makes_packs_and_audit_exits_0_where_nothing_must_be_fixed(here):
    result = invoke("pack", "--study", "small.yaml", *XRAYS)
    assert result.exit_code == 0, result.output
    assert "'train'" in result.stdout
    (place,) = {Path(line.split(":")[0]) for line in result.stdout.splitlines()}
    assert place.is_dir()
    found = invoke("audit", "xrays", "--json")
    severities = {finding["severity"] for finding in json.loads(found.stdout)}
    assert found.exit_code == 0
    assert "fix" not in severities


def test_audit_shows_how_the_data_were_understood(here):
    for split, name, file in (
        ("train", "NORMAL", "IM-1-1.png"),
        ("train", "NORMAL", "IM-1-2.png"),
        ("train", "PNEUMONIA", "person1_virus_1.png"),
        ("test", "NORMAL", "IM-2-1.png"),
        ("test", "PNEUMONIA", "mine.png"),
    ):
        draw(here / "data" / split / name / file)
    result = invoke("audit", "data")
    assert [line.split() for line in result.stdout.splitlines()[:4]] == [
        ["class", "train", "test", "images", "patients"],
        ["NORMAL", "2", "1", "3", "2"],
        ["PNEUMONIA", "1", "1", "2", "1"],
        ["all", "3", "2", "5", "3"],
    ]


@pytest.mark.parametrize(
    ("chosen", "classes"),
    [((), ["NORMAL", "PNEUMONIA"]), (("--positive", "NORMAL"), ["PNEUMONIA", "NORMAL"])],
)
def test_pack_and_audit_take_the_positive_class_and_tell_it(here, chosen, classes):
    packed = invoke("pack", "--study", "small.yaml", *XRAYS, *chosen)
    about = Path(packed.stdout.split(":")[0]) / "manifest.json"
    assert json.loads(about.read_text())["classes"] == classes
    for result in (packed, invoke("audit", "xrays", "--json", *chosen)):
        assert result.exit_code == 0, result.output
        assert f"positive class: {classes[1]}" in result.stderr


@pytest.mark.parametrize(("split", "kinds"), [("train", ["shortcut"]), ("test", [])])
def test_audit_tells_of_files_whose_size_goes_with_their_class(here, split, kinds):
    """Of the test split nothing is told that a study could be changed by."""
    for i in range(24):
        draw(here / "data" / split / "NORMAL" / f"IM-{i:04}-0001.png", i, (8, 8))
        draw(here / "data" / split / "PNEUMONIA" / f"person{i}_virus_{i}.png", 99 + i, (12, 8))
    found = json.loads(invoke("audit", "data", "--json").stdout)
    told = [one for one in found if one["kind"] == "shortcut"]
    assert [one["kind"] for one in told] == kinds
    for one in told:
        assert one["severity"] == "note"
        assert one["message"].startswith(
            "width (AUROC 1.000 [1.000, 1.000] for PNEUMONIA), aspect "
        )


def test_audit_exits_1_where_something_must_be_fixed(here):
    one_patient(here)
    result = invoke("audit", "data", "--json")
    assert result.exit_code == 1
    assert "fix" in {finding["severity"] for finding in json.loads(result.stdout)}


def test_floating_point_is_refused_until_its_range_is_said(here):
    for i in range(8):
        path = here / "data" / ("NORMAL" if i % 2 else "PNEUMONIA") / f"person{i}_virus_1.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.linspace(0, 0.5 + i / 20, 64, dtype=np.float32).reshape(8, 8)).save(path)
    result = invoke("audit", "data", "--json")
    kinds = {finding["kind"]: finding for finding in json.loads(result.stdout)}
    assert (result.exit_code, kinds["unknown-range"]["severity"]) == (1, "fix")
    refused = invoke("pack", "--study", "small.yaml", "--data", "data")
    assert refused.exit_code == 1
    assert "nothing says which are black and white; say it with pixel_range: [0, 1]" in (
        " ".join(refused.stderr.split())
    )
    result = invoke("audit", "data", "--json", "--pixel-range", "0", "1")
    assert result.exit_code == 0, result.output
    assert "unknown-range" not in result.stdout
    said = ("--set", "pixel_range=[0, 1]")
    packed = invoke("pack", "--study", "small.yaml", "--data", "data", *said)
    assert packed.exit_code == 0, packed.output


def test_audit_names_both_images_of_each_pair_twenty_of_them_and_all_in_a_table(here):
    for split in ("train", "test"):
        shutil.copytree(here / "xrays", here / "data" / split)
    result = invoke("audit", "data", "--csv", "pairs.csv")
    assert result.exit_code == 1
    pairs = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    assert len(pairs) == 21
    assert pairs[0] == "test/NORMAL/IM-0000-0000.png and train/NORMAL/IM-0000-0000.png"
    assert pairs[-1] == "and 40 more pairs: --csv FILE writes all"
    table = pd.read_csv(here / "pairs.csv")
    leaks = table[table["finding"] == "leak"]
    assert len(leaks) == 60
    assert (
        leaks["image"].str.removeprefix("test") == leaks["other_image"].str.removeprefix("train")
    ).all()
    assert set(leaks["why"]) == {"same bytes"}


def test_a_near_copy_is_told_and_kept_in_one_split_where_asked(here):
    shutil.copytree(here / "xrays", here / "data")
    film = Image.open(here / "data" / "NORMAL" / "IM-0003-0006.png")
    film.point(lambda value: value // 2 + 40).save(here / "data" / "NORMAL" / "IM-0900-0001.png")
    told = {f["kind"]: f for f in json.loads(invoke("audit", "data", "--json").stdout)}
    assert told["near-copies"]["severity"] == "note"
    assert told["near-copies"]["pairs"] == [["NORMAL/IM-0003-0006.png", "NORMAL/IM-0900-0001.png"]]
    joined = invoke("audit", "data", "--json", "--join-near-copies")
    assert {f["kind"]: f["severity"] for f in json.loads(joined.stdout)}["near-copies"] == "handled"
    packed = invoke("pack", "--study", "small.yaml", *DATA, "--set", "join_near_copies=true")
    assert packed.exit_code == 0, packed.output
    images = pd.read_csv(Path(packed.stdout.split(":")[0]) / "manifest.csv").set_index("id")
    assert images["group"]["NORMAL/IM-0900-0001.png"] == "IM-0003"
    again = invoke("pack", "--study", "small.yaml", *DATA, "--set", "join_near_copies=true")
    assert again.stdout == packed.stdout
    assert "of 61 images" not in again.stderr  # neither packed nor looked at again


def test_options_out_of_range_name_the_range(here):
    result = invoke("ensemble", "--top", "0")
    assert result.exit_code == 2
    assert "0 is not in the range x>=1" in result.stderr
    assert not (here / "pneumoray-workspace").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "film.png"),
        ("predict", "/data", "--mlflow", "mlflow.yaml"),
        ("evaluate", "xrays"),
        ("evaluate", "/data", "--save", "probs.csv"),
        ("compare", "--by", "lr", "--output", "page.html"),
        ("train-all", "--mlflow", "mlflow.yaml"),
        ("audit", "xrays"),
    ],
)
def test_a_job_refuses_every_relative_path_that_it_is_given(arguments):
    result = invoke(*arguments, RAY_JOB_CONFIG_JSON_ENV_VAR="{}")
    assert result.exit_code == 2
    assert "is a relative path, and a Ray job does not know the folder" in result.output


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (
            ["predct"],
            "error: No such command 'predct'. Did you mean 'predict'? See 'pneumoray --help'.",
        ),
        (["nothing-like-it"], "error: No such command 'nothing-like-it'. See 'pneumoray --help'."),
        (
            ["audit", ""],
            "error: Invalid value for 'DATA': the path is empty. See 'pneumoray audit --help'.",
        ),
        (
            ["init", ""],
            "error: Invalid value for '[FILE]': the path is empty. See 'pneumoray init --help'.",
        ),
        (
            ["list", "--workspace", ""],
            "error: Invalid value for '--workspace': the path is empty. See 'pneumoray list --help'.",
        ),
        (
            ["leaderboard", "--csv", "--json"],
            "error: --csv and --json exclude each other. See 'pneumoray leaderboard --help'.",
        ),
        (
            ["leaderboard", "--latex", "--json"],
            "error: --latex and --json exclude each other. See 'pneumoray leaderboard --help'.",
        ),
        (
            ["compare", "--by", "lr", "--csv", "--markdown"],
            "error: --csv and --markdown exclude each other. See 'pneumoray compare --help'.",
        ),
        (
            ["audit"],
            "error: Missing argument 'DATA' or option '--study'. See 'pneumoray audit --help'.",
        ),
        (
            ["audit", ".", "--study", "x"],
            "error: DATA and --study exclude each other. See 'pneumoray audit --help'.",
        ),
        (
            ["audit", "--positive", "A", "--study", "x"],
            "error: --positive and --study exclude each other. See 'pneumoray audit --help'.",
        ),
    ],
)
def test_a_usage_error_is_one_sentence_and_where_help_is(command, line):
    result = CliRunner().invoke(main, command, prog_name="pneumoray")
    assert (result.exit_code, result.stderr) == (2, line + "\n")
