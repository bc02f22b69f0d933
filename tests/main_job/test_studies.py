"""Each of the five studies from end to end, in full shape at its very smallest."""

import csv
import io
from html.parser import HTMLParser

import mlflow
import pytest

import pneumoray
from pneumoray import study_file, tracking
from pneumoray.comparing.leaderboard import table
from pneumoray.evaluation.tables import to_csv
from pneumoray.grid import configurations
from pneumoray.stages.prepare import settings_of

SMALLEST = ["max_images=72", "seeds=1", "epochs=1", "race=full"]
# More of --set, and the comparisons that the study's header names: axes -> number of values.
STUDIES: dict[str, tuple[list[str], dict[str, int]]] = {
    "team-zoo": (
        ["comparisons.crop-normalization.grid.epochs=[1, 2]"],
        {"backbone": 9, "image_fit,normalize": 4, "optimizer,lr": 9},
    ),
    "resnet18-scratch": (
        ["image_size=32"],
        {"backbone": 2, "batch_size": 4, "schedule": 3, "class_weights": 2},
    ),
    "transfer-head": (["image_size=32"], {"backbone,lr": 9}),
    "layer-order": (["image_size=16", "seeds=2"], {"arm": 5, "lr": 4}),
    "landmarks": (
        ["comparisons.network.image_size=32", "comparisons.size.grid.image_size=[48, 32, 24]"],
        {"image_size": 3, "arm": 2},
    ),
}


# ResNet-152, two VGGs and a bottleneck ResNet of 32 million parameters: minutes, even so small.
SLOW = ("team-zoo", "resnet18-scratch")
MARKED = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in STUDIES]


class Sources(HTMLParser):
    """Every place that a page loads something from."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("src", "href") and tag != "a"]


@pytest.mark.parametrize("name", MARKED)
def test_a_study_runs_and_its_comparisons_are_drawn(make_job, name):
    more, comparisons = STUDIES[name]
    sets = [*SMALLEST, *more]
    options = [word for one in sets for word in ("--set", one)]
    data = [] if name == "landmarks" else ["--data", "data"]
    job = make_job()
    out, _ = job.run("train-all", "--study", name, "--small", *data, *options)

    configs = configurations(study_file.read(name, sets, small=True))
    asked = {config.trial_id for config in configs}
    seeds = len({config.seed for config in configs})
    packs = list(job.workspace.glob("packs/*/pack.json"))
    assert len(packs) == len({settings_of(config) for config in configs})  # each is made once
    board = pneumoray.leaderboard(workspace=job.workspace)
    rows = [row for standing in board.standings for row in standing.rows]
    assert board.study == f"{name}-small"
    assert {row.trial for row in rows} == asked
    assert all(row.outcome == "trained" and row.epochs in (1, 2) for row in rows), out
    assert all(row.run_id and row.state.parameters_total for row in rows)
    lines = list(csv.DictReader(io.StringIO(to_csv(table(board.standings)))))
    assert len(lines) * seeds == len(asked)
    assert all((one["val_auroc_sd"] != "") == (seeds > 1) for one in lines)

    pages: set[str] = set()
    for axes, num_values in comparisons.items():
        made = pneumoray.compare(None, axes.split(","), workspace=job.workspace)
        assert len(made.comparison.values) == num_values
        if seeds > 1:
            assert all(value.num_trials == seeds for value in made.comparison.values)
            assert f"± is the standard deviation over {seeds} seeds each" in made.comparison.notes
        pages.add(f"comparisons/{made.page.name}")
        sources = Sources()
        sources.feed(made.page.read_text())
        assert len(sources.found) >= 3
        assert all(source.startswith("data:image/png;base64,") for source in sources.found)
    settings = tracking.find_settings(None, job.workspace, False)
    client = mlflow.MlflowClient(settings.tracking_uri)
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if run.data.tags.get("kind") == "study"]
    logged = {file.path for file in client.list_artifacts(parent.info.run_id, "comparisons")}
    assert logged == pages
    assert len(pages) == len(comparisons)
