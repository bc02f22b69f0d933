"""What cluster/ refuses before it starts Ray; with a real Ray: test_ray_jobs.py."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

CLUSTER = Path(__file__).parents[1] / "cluster"


@pytest.fixture
def run(tmp_path):
    """Runs a script of cluster/ in a folder of its own, with a token there: (exit code, stdout, stderr)."""
    token = tmp_path / "keys" / "token"
    token.parent.mkdir()
    token.write_text("0" * 64)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "PNEUMORAY_"))}

    def run(script, *words, **environment):
        done = subprocess.run(
            [CLUSTER / script, *words],
            cwd=tmp_path,
            env=kept | {"RAY_AUTH_TOKEN_PATH": str(token)} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("script", ["start-head.sh", "join.sh", "env.sh", "stop.sh"])
def test_help_is_the_head_of_the_file(run, script):
    code, out, err = run(script, "--help")
    assert (code, err) == (0, "")
    assert f"cluster/{script}" in out
    assert "set -e" not in out


def test_stop_tells_how_a_terminal_forgets_the_cluster(run):
    code, out, err = run("stop.sh")
    assert (code, err) == (0, "")
    stopped, forget = out.splitlines()
    assert stopped == "stopped 0 node(s)"
    assert forget == (
        "a terminal that used the cluster forgets it with: unset RAY_AUTH_MODE RAY_AUTH_TOKEN_PATH "
        "RAY_API_SERVER_ADDRESS RAY_ADDRESS RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER PNEUMORAY_DATA "
        "PNEUMORAY_WORKSPACE"
    )


def test_a_terminal_forgets_the_cluster_before(run, tmp_path):
    """A node that joined a head notes no address of the jobs' server: the one before is not meant."""
    node = subprocess.Popen(["bash", "-c", "exec -a 'ray start --block' sleep 60"])
    try:
        noted = tmp_path / "keys" / "nodes" / socket.gethostname() / f"{node.pid}.env"
        noted.parent.mkdir(parents=True)
        noted.write_text("export RAY_ADDRESS=10.0.0.1:6379\n")
        code, out, err = run("env.sh")
    finally:
        node.kill()
        node.wait()
    assert (code, err) == (0, "")
    say = f'{out}echo "$RAY_ADDRESS,${{RAY_API_SERVER_ADDRESS:-none}}"'
    before = {"RAY_ADDRESS": "127.0.0.1:1", "RAY_API_SERVER_ADDRESS": "http://127.0.0.1:8265"}
    said = subprocess.run(
        ["bash", "-c", say], env=os.environ | before, capture_output=True, text=True, check=True
    )
    assert said.stdout == "10.0.0.1:6379,none\n"


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["start-head.sh", "--data", "nowhere"], {}, "there is no nowhere here: --data"),
        (["start-head.sh", "--data=nowhere"], {}, "there is no nowhere here: --data"),
        (["start-head.sh"], {"PNEUMORAY_DATA": "/nowhere"}, "there is no /nowhere here"),
        (["start-head.sh", "--num-cpus", "2", "--data"], {}, "--data wants a folder"),
        (["start-head.sh", "--workspace", ""], {}, "--workspace wants a folder"),
        (["start-head.sh", "--workspace", "keys/token/ws"], {}, "can't make the workspace"),
        (["join.sh", "10.0.0.1:6379", "--data", "nowhere"], {}, "there is no nowhere here"),
        (["join.sh", "--workspace", "ws", "10.0.0.1:6379"], {}, "there is no workspace "),
        (["join.sh", "--workspace", "keys"], {}, "name the head as HOST:PORT, not ''"),
        (["join.sh", "127.0.0.1:6379"], {}, "is for its machine alone"),
        (["env.sh"], {}, "no node of a cluster runs here"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(run, tmp_path, words, environment, said):
    code, out, err = run(*words, **environment)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["keys", "token"]
