"""How a study's runs are shown first: every run in one list, the best on top."""

import json

SCORE = "best_val_auroc"  # what trials, votes and studies are ranked by, in one column
TAG = "mlflow.sharedViewState.pneumoray"  # of an experiment: a state of MLflow's page, by its key
_COLUMNS = (
    "attributes.`Duration`",
    f"metrics.`{SCORE}`",
    "metrics.`best_val_accuracy`",
    "metrics.`test_auroc`",
    "metrics.`test_accuracy`",
    "tags.`outcome`",
    "tags.`best_epoch`",
)


def state(search: str = "") -> str:
    """The value of TAG: filter, order and columns, as MLflow's page of runs writes them itself."""
    return json.dumps(
        {
            "searchFilter": search,
            "orderByKey": f"metrics.`{SCORE}`",
            "orderByAsc": False,
            "startTime": "ALL",
            "lifecycleFilter": "Active",
            "datasetsFilter": [],
            "modelVersionFilter": "All Runs",
            "selectedColumns": _COLUMNS,
        }
    )


def path(experiment_id: str) -> str:
    """The page behind a server's address that shows the experiment's runs so."""
    key = TAG.rpartition(".")[2]
    query = f"workflowType=machine_learning&viewStateShareKey={key}"
    return f"/#/experiments/{experiment_id}/runs?{query}"
