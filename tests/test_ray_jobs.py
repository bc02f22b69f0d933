"""Ray jobs on a real head that cluster/start-head.sh starts: token, folders, training, vote, stopping."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest
import yaml

ROOT = Path(__file__).parents[1]
_LONGEST_SECONDS = 900  # of one command, on a busy machine
_FIELDS = {
    "image_size": "16",
    "backbones": "[resnet18,C4-P-F-D]",
    "epochs": "2",
    "grid": "{optimizer:[adamw],lr:[1e-3,3e-4]}",
    "race.eta": "2",
    "batch_size": "64",
}
SMALL = ["train-all", "--study", "demo"]
SMALL += [word for key, value in _FIELDS.items() for word in ("--set", f"{key}={value}")]


@dataclass(frozen=True)
class Head:
    """A head of its own `folder`; `environment` is what its env.sh adds to a bare one."""

    folder: Path
    environment: dict[str, str]
    address: str

    @property
    def workspace(self) -> Path:
        return self.folder / "work"

    def ray(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return _run("ray", *words, environment=self.environment | environment)

    def submit(
        self,
        *entrypoint: str,
        options: tuple[str, ...] = (),
        env_vars: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        described = json.dumps({"env_vars": env_vars or {}})
        runtime = ("--runtime-env-json", described) if "--runtime-env" not in options else ()
        return self.ray("job", "submit", *runtime, *options, "--", *entrypoint)


def _run(
    *words: str, environment: dict[str, str], folder: Path | str = "/"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def head(ray_folder: Path, draw_xrays: Callable) -> Iterator[Head]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    for name in ("PNEUMORAY_WORKSPACE", "PNEUMORAY_DATA", "MLFLOW_TRACKING_URI"):
        inherited.pop(name, None)
    environment = inherited | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(ray_folder),  # Ray goes there where no RAY_TMPDIR is set
        "RAY_AUTH_TOKEN_PATH": str(ray_folder / "keys" / "token"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    draw_xrays(ray_folder / "my xrays")
    try:
        for _ in range(3):  # somebody may take the port between asking and using it
            ports = ("--port", "0", "--dashboard-port", "0")
            ports += ("--ray-client-server-port", str(_free_port()))
            start = str(ROOT / "cluster" / "start-head.sh")
            folders = ("--data", "my xrays", "--workspace", "work")
            started = _run(
                *(start, *folders, *ports, "--num-cpus", "2"),
                environment=environment,
                folder=ray_folder,
            )
            if started.returncode == 0:
                break
        assert started.returncode == 0, started.stdout
        said = dict(line.split(None, 1) for line in started.stdout.splitlines())
        assert started.stdout.endswith("pneumoray train-all\n  pneumoray ensemble --top 3\n")
        [line] = [line for line in started.stdout.splitlines() if "eval" in line]
        taken_over = _run("bash", "-c", f"{line.strip()}; env -0", environment=environment).stdout
        client = dict(one.split("=", 1) for one in taken_over.split("\0") if one)
        yield Head(ray_folder, client, said["head"].strip())
    finally:
        _run(str(ROOT / "cluster" / "stop.sh"), environment=environment)


def test_the_head_listens_on_loopback_only_and_its_token_is_private(
    head: Head, processes_in: Callable
) -> None:
    token = Path(head.environment["RAY_AUTH_TOKEN_PATH"])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text()) == 64
    listening = {
        connection.laddr.ip
        for process in processes_in(head.folder)
        for connection in process.net_connections("tcp")
        if connection.status == "LISTEN"
    }
    assert listening
    assert all(ip.removeprefix("::ffff:") in ("127.0.0.1", "::1") for ip in listening), listening


def test_a_job_without_the_token_is_refused(head: Head) -> None:
    refused = head.ray("job", "submit", "--", "echo", "hello", RAY_AUTH_MODE="disabled")
    assert refused.returncode != 0
    assert "Unauthorized: Missing authentication token" in refused.stdout


def test_a_wrong_token_ends_training_in_one_line(head: Head) -> None:
    wrong = head.folder / "wrong"
    wrong.write_text("0" * 64)
    workspace = head.folder / "refused"
    environment = head.environment | {"RAY_AUTH_TOKEN_PATH": str(wrong)}
    knock = f"from pneumoray.distributed import reach; reach.knock({head.address!r})"
    knocked = _run(sys.executable, "-c", knock, environment=environment)
    assert "ClusterError: the Ray cluster" in knocked.stdout  # Ray alone would try 20 times
    refused = _run(
        *("pneumoray", *SMALL, "--workspace", str(workspace), "--address", head.address),
        environment=environment,
    )
    assert refused.returncode == 1
    [line] = [line for line in refused.stdout.splitlines() if "error" in line.lower()]
    assert "wants a token" in " ".join(refused.stdout.split()), refused.stdout
    assert line.startswith("error")
    assert "Traceback" not in refused.stdout
    assert not (workspace / "studies" / "demo" / "study.json").exists()


def test_what_a_job_can_not_know_is_refused_in_one_line_each(head: Head) -> None:
    train = "pneumoray train-all --dry-run --study"
    entrypoint = f"PNEUMORAY_WORKSPACE= {train} demo; {train} mine.yaml"
    refused = head.submit("sh", "-c", entrypoint)
    assert refused.returncode != 0
    errors = [line for line in refused.stdout.splitlines() if line.startswith("error: ")]
    no_workspace, no_study = dict.fromkeys(
        errors
    )  # Ray repeats the last lines of a job that failed
    assert "give --workspace DIR" in no_workspace
    assert "cluster/start-head.sh --workspace DIR" in no_workspace
    assert "study mine.yaml is a relative path" in no_study
    assert "Traceback" not in refused.stdout


def test_a_job_has_the_heads_data_and_takes_the_study_for_its_size(head: Head) -> None:
    small = ("--set", "backbones=[mobilenetv3_small_050]", "--set", "image_size=32")
    planned = head.submit("pneumoray", "train-all", "--dry-run", *small)
    assert planned.returncode == 0, planned.stdout
    assert "study xray-64, for CPUs: no GPU in the cluster; choose another" in planned.stdout
    assert re.search(r"4 trials on \d\d images, 2 side by side on cpu", planned.stdout)


def test_jobs_train_and_a_client_votes_and_mlflow_has_the_result(head: Head) -> None:
    workspace = head.workspace
    trained = head.submit("pneumoray", *SMALL)
    assert trained.returncode == 0, trained.stdout
    voted = _run("pneumoray", "ensemble", "--top", "2", environment=head.environment)
    assert voted.returncode == 0, voted.stdout

    client = mlflow.MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    experiments = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
    runs = client.search_runs(experiments)
    assert {run.info.status for run in runs} == {"FINISHED"}
    outcomes = sorted(run.data.tags["outcome"] for run in runs if "outcome" in run.data.tags)
    ends = [outcome for outcome in outcomes if outcome in ("cut", "trained")]
    assert ends == ["cut", "cut", "trained", "trained"]
    names = {model.name for model in client.search_registered_models()}
    assert names == {f"pneumoray-demo-{model}" for model in ("resnet", "layers", "ensemble")}


def test_a_bare_cluster_gets_the_code_from_the_working_folder(head: Head) -> None:
    """As jobs/ do, but for the packages, which are not fetched here."""
    runtime = head.folder / "runtime.json"
    described = yaml.safe_load((ROOT / "jobs" / "train-all.yaml").read_text())
    del described["pip"], described["config"]
    runtime.write_text(json.dumps(described))
    program = "import os, pneumoray; print('found', pneumoray.__file__, os.listdir())"
    done = head.submit(
        *("python", "-c", program),
        options=("--runtime-env", str(runtime), "--working-dir", str(ROOT)),
    )
    assert done.returncode == 0, done.stdout
    [said] = [line for line in done.stdout.splitlines() if line.startswith("found ")]
    assert "working_dir_files" in said.split()[1]  # the job's copy, not the installed one
    assert "tests" not in said
    assert ".venv" not in said


@pytest.mark.slow
def test_stopping_a_job_writes_down_that_it_was_killed(head: Head) -> None:
    workspace = head.folder / "stopped"
    name = f"stop-{os.getpid()}"
    begun = head.submit(
        *("pneumoray", *SMALL, "--set", "epochs=500"),
        options=("--no-wait", "--submission-id", name),
        env_vars={"PNEUMORAY_WORKSPACE": str(workspace)},
    )
    assert begun.returncode == 0, begun.stdout
    journal = workspace / "studies" / "demo" / "journal.jsonl"
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not (journal.exists() and '"epoch"' in journal.read_text()):
        assert time.monotonic() < deadline, head.ray("job", "logs", name).stdout
        status = head.ray("job", "status", name).stdout
        assert "FAILED" not in status, head.ray("job", "logs", name).stdout
        time.sleep(1)
    stopped = head.ray("job", "stop", name)
    assert stopped.returncode == 0, stopped.stdout
    last = json.loads(journal.read_text().splitlines()[-1])
    assert last["type"] == "study_end"
    assert last["status"] == "KILLED"
