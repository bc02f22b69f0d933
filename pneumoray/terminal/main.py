"""The `pneumoray` command: its subcommands, and errors of one line for what a user can fix."""

import errno
import os
import sys
from typing import Any

import click

from pneumoray import faults
from pneumoray.errors import PneumorayError
from pneumoray.terminal.commands.audit import audit
from pneumoray.terminal.commands.compare import compare
from pneumoray.terminal.commands.ensemble import ensemble
from pneumoray.terminal.commands.evaluate import evaluate
from pneumoray.terminal.commands.init import init
from pneumoray.terminal.commands.layers import layers
from pneumoray.terminal.commands.leaderboard import leaderboard
from pneumoray.terminal.commands.list import list_studies
from pneumoray.terminal.commands.pack import pack
from pneumoray.terminal.commands.predict import predict
from pneumoray.terminal.commands.remove import remove
from pneumoray.terminal.commands.studies import studies
from pneumoray.terminal.commands.sync import sync
from pneumoray.terminal.commands.train_all import train_all
from pneumoray.terminal.commands.ui import ui
from pneumoray.terminal.encoding import make_streams_print_all
from pneumoray.terminal.stopping import StoppedMidway

_EXIT_INTERRUPTED = 130
_USERS_TO_MEND = (  # a disk or a path, not a fault of ours
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)


class OneLineGroup(click.Group):
    """A group that turns what a user can fix into one line on stderr: click's own take three."""

    def main(self, *args: Any, **extra: Any) -> Any:
        make_streams_print_all()
        try:
            return super().main(*args, **(extra | {"standalone_mode": False}))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            sys.exit(error.exit_code)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "pneumoray"
            message = " ".join(error.format_message().split())
            end = "" if message.endswith((".", "?")) else "."
            _fail(f"{message}{end} See '{command} --help'.", error.exit_code)
        except PneumorayError as error:
            _fail(str(error))
        except BrokenPipeError:  # who reads has read enough, as head does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except StoppedMidway:
            _fail("stopped; the same command goes on from here", _EXIT_INTERRUPTED)
        except (KeyboardInterrupt, click.Abort):
            _fail("stopped", _EXIT_INTERRUPTED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _USERS_TO_MEND:
                place = f" {error.filename}" if error.filename else ""
                _fail(
                    f"can't read or write{place}: {error.strerror}; mend that, or name another place"
                )
            if words := faults.known(error):
                _fail(words)
            raise


def _fail(message: str, code: int = 1) -> None:
    from pneumoray.terminal import console

    console.error(message)
    sys.exit(code)


@click.group(
    cls=OneLineGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="pneumoray")
def main() -> None:
    """Train a zoo of image classifiers on Ray, compare them fairly, vote the best, test once."""


for command in (  # in the order of the work
    init,
    audit,
    pack,
    train_all,
    leaderboard,
    compare,
    ensemble,
    predict,
    evaluate,
    ui,
    sync,
    list_studies,
    remove,
    studies,
    layers,
):
    main.add_command(command)
