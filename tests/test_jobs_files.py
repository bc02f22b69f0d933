"""The runtime environments in jobs/ name what the package needs, as pyproject.toml does."""

import tomllib
from pathlib import Path

import pytest
import yaml

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
