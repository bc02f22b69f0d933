"""The runtime environments in jobs/ name what the package needs, as pyproject.toml does."""

import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from ray._private.runtime_env import packaging  # what 'ray job submit' packs with

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["train-all.yaml", "ensemble.yaml"])
def test_a_bare_cluster_installs_what_the_project_depends_on(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    packages = yaml.safe_load((ROOT / "jobs" / name).read_text())["pip"]["packages"]
    assert set(packages) <= set(project["dependencies"])
    left_out = {d.split(">")[0] for d in set(project["dependencies"]) - set(packages)}
    # the cluster has its own Ray, which brings the others along
    assert left_out == {"ray[default,train,tune]", "click", "filelock", "pyyaml"}


def test_both_jobs_share_one_environment():
    """Ray installs an environment once: the vote must find that of the training."""
    train, vote = (
        yaml.safe_load((ROOT / "jobs" / name).read_text())
        for name in ("train-all.yaml", "ensemble.yaml")
    )
    assert train == vote


def test_only_code_travels(tmp_path):
    """A clone holds images, weights and workspaces in folders of any name."""
    sent = ("pneumoray/data/image.py", "pneumoray/studies/xray.yaml", "mine.yaml", "nets.py")
    kept = ("chest_xray/train/a/1.png", "film.tif", "w/resnet18.safetensors", "docs/index.md")
    for name in sent + kept:
        (tmp_path / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clone" / name).write_text("x")
    excludes = yaml.safe_load((ROOT / "jobs" / "train-all.yaml").read_text())["excludes"]
    package = tmp_path / "sent.zip"
    packaging.create_package(
        str(tmp_path / "clone"), package, include_gitignore=True, excludes=excludes
    )
    assert sorted(zipfile.ZipFile(package).namelist()) == sorted(sent)
