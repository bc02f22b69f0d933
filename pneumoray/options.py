"""What the commands have in common: their options, and errors of one line."""

import errno
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pneumoray.errors import PneumorayError

FOLDER = click.Path(path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
_EXIT_INTERRUPTED = 130
_USERS_TO_MEND = (  # a disk or a path, not a fault of ours
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
)


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can fix into one line on stderr and exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except PneumorayError as error:
            fail(str(error))
        except OSError as error:
            if error.errno not in _USERS_TO_MEND:
                raise
            place = f" {error.filename}" if error.filename else ""
            fail(f"can't read or write{place}: {error.strerror}; mend that, or name another place")
        except KeyboardInterrupt:
            fail("stopped; the same command goes on from here", _EXIT_INTERRUPTED)

    return wrapped


def fail(message: str, code: int = 1) -> None:
    from pneumoray import console

    console.error(message)
    sys.exit(code)


def options(*options: Callable) -> Callable:
    return lambda command: functools.reduce(lambda f, option: option(f), reversed(options), command)


workspace_option = click.option(
    "--workspace",
    type=FOLDER,
    help="Where packs, studies and MLflow's database lie. "
    "[default: PNEUMORAY_WORKSPACE, else ./pneumoray-workspace]",
)
study_option = click.option("--study", help="A study of the workspace. [default: the last trained]")
data_options = options(
    click.option("--data", type=FOLDER, help="Image folder, or a CSV table of images."),
    click.option("--images", type=FOLDER, help="What the paths in the table are relative to."),
)
new_study_options = options(
    click.option(
        "--study", default="xray", show_default=True, help="A shipped study, or a YAML file."
    ),
    data_options,
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a study field."
    ),
    click.option(
        "--small", is_flag=True, help="The study in full shape on few, small images: in minutes."
    ),
)
mlflow_option = click.option(
    "--mlflow", type=FOLDER, help="An mlflow.yaml. [default: ./ or the workspace's]"
)
ray_options = options(
    mlflow_option,
    click.option("--address", help="Ray cluster, or 'local'. [default: RAY_ADDRESS, else local]"),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where models train; auto: on GPUs if the cluster has any now.",
    ),
    click.option(
        "--cpus-per-trial",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Cores and threads of a trial's worker.",
    ),
    click.option(
        "--gpus-per-trial",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        show_default=True,
        help="GPUs of a trial's worker; small networks may share one, as 0.5.",
    ),
    click.option(
        "--max-concurrent", type=click.IntRange(1), help="At most so many trials at once."
    ),
    click.option(
        "--promote",
        is_flag=True,
        help="Move the champion alias even to a model that is not better.",
    ),
    click.option("--verbose", is_flag=True, help="Show what Ray has to say."),
)
yes_option = click.option(
    "--yes", is_flag=True, help="Go on though the study asks for more than 500 trials."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


class OneLineGroup(click.Group):
    """A group whose usage errors are one line as well: click's own take three."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **(extra | {"standalone_mode": False}))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            sys.exit(error.exit_code)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "pneumoray"
            message = " ".join(error.format_message().split())
            fail(f"{message} See '{command} --help'.", error.exit_code)
        except click.Abort:
            fail("stopped", _EXIT_INTERRUPTED)
