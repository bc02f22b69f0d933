"""What the tests call a process that runs, so that "left running" is never said of one that ended."""

import os
import subprocess
import sys


def test_a_process_that_ended_and_waits_to_be_reaped_is_not_running(processes_in, tmp_path):
    environment = os.environ | {"RAY_TMPDIR": str(tmp_path)}
    wait = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(wait, stdin=subprocess.PIPE, env=environment) as process:
        assert [running.pid for running in processes_in(tmp_path)] == [process.pid]
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
        assert processes_in(tmp_path) == []
