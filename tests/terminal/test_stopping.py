"""Ctrl-C is one line, and promises no more than the command keeps."""

import pytest
from click.testing import CliRunner

from pneumoray.stages import compare, evaluate, plan, predict, prepare, train, vote
from pneumoray.terminal.main import main

SMALL = "name: small\nbackbones: [mobilenetv3_small_100]\nimage_size: 32\nepochs: 2\nrace: full\n"
NEW = ["--study", "small.yaml", "--data", "."]
GOES_ON = "error: stopped; the same command goes on from here\n"
STOPPED = "error: stopped\n"


@pytest.mark.parametrize(
    ("command", "stage", "name", "said"),
    [
        (["train-all", *NEW], train, "train_all", GOES_ON),
        (["train-all", *NEW, "--dry-run"], plan, "dry_run", STOPPED),
        (["pack", *NEW], prepare, "list_images", GOES_ON),
        (["ensemble"], vote, "ensemble", GOES_ON),
        (["audit", "."], prepare, "audit_images", STOPPED),
        (["predict", "x.png"], predict, "predict", STOPPED),
        (["evaluate", "."], evaluate, "evaluate", STOPPED),
        (["compare", "--by", "lr"], compare, "compare", STOPPED),
    ],
)
def test_ctrl_c_says_whether_the_command_goes_on(tmp_path, monkeypatch, command, stage, name, said):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.setattr(stage, name, interrupted)
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stderr.lstrip("\n"), result.stdout) == (130, said, "")
