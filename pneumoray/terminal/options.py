"""Options that several commands share."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pneumoray import ray_job

if TYPE_CHECKING:
    from pneumoray.data.rules import Rules


class _Named(click.Path):
    """A path; an empty word, as of a variable of the shell that is not set, names none."""

    def convert(self, value, param, ctx):
        if value == "":
            self.fail("the path is empty", param, ctx)
        return super().convert(value, param, ctx)


class _Given(_Named):
    """A path that means in a Ray job what it meant where the job was submitted, or is refused."""

    def convert(self, value, param, ctx):
        if wrong := ray_job.why_misplaced(value):
            self.fail(wrong, param, ctx)
        return super().convert(value, param, ctx)


PATH = _Given(path_type=str)
FOLDER = _Given(path_type=Path)
FILE = _Given(dir_okay=False, path_type=Path)


def options(*options: Callable) -> Callable:
    return lambda command: functools.reduce(lambda f, option: option(f), reversed(options), command)


def rules_of(**given: object) -> "Rules":
    """The Rules with what was given. Raises StudyError for what can't be."""
    from pneumoray.config import validated
    from pneumoray.data.rules import Rules

    return validated(
        Rules, {key: value for key, value in given.items() if value is not None}, "options"
    )


def as_overrides(**fields: object) -> list[str]:
    """Study fields that have an option of their own, as --set takes them; None is not set."""
    return [
        f"{field}={json.dumps(value, ensure_ascii=False)}"
        for field, value in fields.items()
        if value is not None
    ]


workspace_option = click.option(
    "--workspace",
    type=_Named(path_type=Path),  # a job's must be absolute in any case: open_workspace says so
    help="Where packs, studies and MLflow's database lie. "
    "[default: PNEUMORAY_WORKSPACE, else ./pneumoray-workspace]",
)
study_option = click.option("--study", help="A study of the workspace. [default: the last trained]")
data_options = options(
    click.option("--data", type=FOLDER, help="Image folder, or a CSV table of images."),
    click.option("--images", type=FOLDER, help="What the paths in the table are relative to."),
)
patient_rule_option = click.option(
    "--patient-rule",
    metavar="RULE",
    help="Who the patient is: nih, chexpert, ..., or a regular expression on the path below DATA. "
    "[default: the known rule that explains the data]",
)


def pairs(context: click.Context, parameter: click.Parameter, given: Any) -> dict[str, str] | None:
    """The pairs of an option such as normal=NORMAL,sick=PNEUMONIA, also given several times."""
    texts = [given] if isinstance(given, str) else given or ()
    parts = [part for text in texts for part in text.split(",") if part.strip()]
    found = dict(part.strip().rpartition("=")[::2] for part in parts)
    if "" in found:
        raise click.BadParameter(f"{','.join(texts)!r} is not of the form {parameter.metavar}")
    return {name.strip(): what.strip() for name, what in found.items()} or None


understanding_options = options(
    click.option(
        "--folders",
        multiple=True,
        callback=pairs,
        metavar="FOLDER=WHAT,...",
        help="What a folder is: class, train, val, test, part or skip; as 'fold1=test,images_*=part'.",
    ),
    click.option(
        "--columns",
        multiple=True,
        callback=pairs,
        metavar="path=COLUMN,...",
        help="Which column of a table is its path, label, patient or split; as patient=Image_ID.",
    ),
    click.option(
        "--labels",
        multiple=True,
        callback=pairs,
        metavar="LABEL=CLASS,...",
        help="The class of a label: Normal=NORMAL joins two, NA=NA keeps one as it is written.",
    ),
    click.option("--label-of", metavar="LABEL", help="The one label to learn, against all others."),
    click.option(
        "--leave-out",
        multiple=True,
        callback=lambda context, parameter, given: list(given) or None,
        type=click.Choice(["unlabelled", "several-labels"]),
        help="Leave out rows of a table without a label, or with several (A|B).",
    ),
)
join_near_copies_option = click.option(
    "--join-near-copies",
    is_flag=True,
    default=None,
    help="Keep images that look like copies of one film in one split.",
)
positive_option = click.option(
    "--positive",
    metavar="CLASS",
    help="Of two classes the positive one. [default: the one not called normal, negative, ...]",
)
pixel_range_option = click.option(
    "--pixel-range",
    type=(float, float),
    metavar="LOW HIGH",
    help="Values that are black and white in images that don't say it, as 16-bit PNG does not.",
)
new_study_options = options(
    click.option(
        "--study",
        help="A shipped study, or a YAML file. [default: xray, or xray-64 where there is no GPU]",
    ),
    data_options,
    understanding_options,
    positive_option,
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
model_options = options(
    click.option(
        "--model",
        metavar="NAME",
        help="A study of the workspace, models:/NAME@champion, models:/NAME/1, or a model's folder.",
    ),
    workspace_option,
    mlflow_option,
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where the model runs; auto: on a GPU if this machine has one.",
    ),
    click.option(
        "--own-code",
        is_flag=True,
        help="Run the code that the model brings of a backbone named module:function.",
    ),
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


def one_form(**forms: bool) -> str | None:
    """The form that was asked for by its flag, as csv. Raises UsageError for two."""
    asked = [name for name, is_on in forms.items() if is_on]
    if len(asked) > 1:
        raise click.UsageError(f"--{asked[0]} and --{asked[1]} exclude each other")
    return asked[0] if asked else None


csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for programs.")


def yes_option(meaning: str) -> Callable:
    return click.option("--yes", is_flag=True, help=meaning)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
