"""The runs of one journal in MLflow: a parent for the study, under it one a trial, one an ensemble.

Runs are found by their tags before one is created, and whatever is written twice is there once.
"""

import getpass
import json
import os
import posixpath
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from mlflow.entities import Metric, Param, RunTag

from pneumoray import artifact
from pneumoray.predictions import Predictions
from pneumoray.tracking import datasets, experiment
from pneumoray.tracking.client import connect, search
from pneumoray.tracking.settings import Settings

Item = TypeVar("Item")

JOURNAL, STUDY, TRIAL, ENSEMBLE = (
    f"pneumoray.{name}" for name in ("journal", "study", "trial", "ensemble")
)
PLACE, SENT = "pneumoray.place", "pneumoray.sent"
REPLACED = "replaced"  # people look for it
_SOURCE = "mlflow.source.name"
_IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_PARENT = ""  # the study's own run, beside the names of trials and ensembles
_LONGEST_PARAM = 5000  # MLflow's own limit is 6000
_METRICS_A_BATCH = 1000
_OTHERS_A_BATCH = 100


class Runs:
    """The runs of journal `journal_id`, which lies at `place`. Connecting asks once for all of them.

    `num_sent`: how many lines of the journal an earlier process has sent. Times are milliseconds.
    """

    def __init__(self, settings: Settings, journal_id: str, place: Path, study: str) -> None:
        self.settings, self.journal_id, self.study = settings, journal_id, study
        self.place = artifact.digest([socket.gethostname(), str(place)])[:16]
        self.client = connect(settings)
        ours = f"tags.`{JOURNAL}` = '{journal_id}'"
        self.experiment_id = experiment.find_or_create(self.client, settings, study, ours)
        self._ids: dict[str, str] = {}
        self.num_sent = 0
        for run in search(self.client, self.experiment_id, ours):
            tags = run.data.tags
            self._ids[tags.get(TRIAL) or tags.get(ENSEMBLE) or _PARENT] = run.info.run_id
            self.num_sent = max(self.num_sent, int(tags.get(SENT, 0)))

    def parent(self, time: int) -> str:
        """The study's run."""
        if _PARENT not in self._ids:
            self._mark_replaced(time)
            tags = {PLACE: self.place, _SOURCE: "pneumoray train-all"}
            self._ids[_PARENT] = self._create(self.study, time, tags)
        return self._ids[_PARENT]

    def child(self, id: str, kind: str, time: int, name: str = "") -> str:
        """The run of a trial or an ensemble (`kind` is the tag TRIAL or ENSEMBLE), called `name`."""
        if id not in self._ids:
            command = "train-all" if kind == TRIAL else "ensemble"
            tags = {kind: id, "mlflow.parentRunId": self.parent(time)}
            tags |= {_SOURCE: f"pneumoray {command}"}
            self._ids[id] = self._create(name or id, time, tags)
        return self._ids[id]

    def remember(self, num_sent: int) -> None:
        """Note on the parent run how many lines of the journal have been sent."""
        if _PARENT in self._ids and num_sent != self.num_sent:
            self.client.set_tag(self._ids[_PARENT], SENT, num_sent)
            self.num_sent = num_sent

    def open(self, run_id: str) -> None:
        """Set it running; it may have ended, and be resumed."""
        self.client.update_run(run_id, status="RUNNING")

    def close(self, run_id: str, status: str, time: int) -> None:
        self.client.set_terminated(run_id, status, time)

    def tag(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Set these tags, less those that are None."""
        given = [RunTag(key, str(value)) for key, value in tags.items() if value is not None]
        for batch in _batches(given, _OTHERS_A_BATCH):
            self.client.log_batch(run_id, tags=batch)

    def params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Log what is new. MLflow keeps a parameter for ever: one that changed becomes a tag."""
        texts = {key: _text(value) for key, value in params.items()}
        old = self.client.get_run(run_id).data.params
        new = [Param(key, text) for key, text in texts.items() if key not in old]
        for batch in _batches(new, _OTHERS_A_BATCH):
            self.client.log_batch(run_id, params=batch)
        self.tag(run_id, {f"{k}.now": t for k, t in texts.items() if k in old and old[k] != t})

    def metrics(self, run_id: str, metrics: Sequence[Metric]) -> None:
        for batch in _batches(metrics, _METRICS_A_BATCH):
            self.client.log_batch(run_id, metrics=batch)

    def datasets(self, run_id: str, pack: Mapping[str, Any], *splits: str) -> None:
        """Name splits of the Pack as inputs of the run."""
        self.client.log_inputs(run_id, datasets.inputs(self.study, pack, splits))

    def file(self, run_id: str, name: str, path: Path) -> None:
        """Log a file as artifact `name`; a CSV as a table. One that is not there is left out."""
        if not path.is_file():
            return
        if path.suffix == ".csv":
            is_predictions = path.name.endswith("predictions.csv")
            table = Predictions.load(path).table() if is_predictions else pd.read_csv(path)
            self.table(run_id, table, name.removesuffix(".csv") + ".json")
        else:
            self.client.log_artifact(run_id, str(path), posixpath.dirname(name) or None)

    def table(self, run_id: str, table: pd.DataFrame, name: str) -> None:
        """What `log_table` does, less its adding to a table that is there: twice is once."""
        self.client.log_text(run_id, table.to_json(orient="split", index=False), name)
        tags = self.client.get_run(run_id).data.tags
        logged = json.loads(tags.get("mlflow.loggedArtifacts", "[]"))
        entry = {"path": name, "type": "table"}
        if entry not in logged:
            self.tag(run_id, {"mlflow.loggedArtifacts": json.dumps([*logged, entry])})

    def _create(self, name: str, time: int, tags: Mapping[str, str]) -> str:
        ours = {JOURNAL: self.journal_id, STUDY: self.study, "mlflow.user": _user()}
        ours |= {"mlflow.source.type": "JOB" if _IN_A_JOB in os.environ else "LOCAL"}
        return self.client.create_run(
            self.experiment_id, start_time=time, run_name=name, tags=ours | dict(tags)
        ).info.run_id

    def _mark_replaced(self, time: int) -> None:
        """Tag what an older journal at the same place wrote, and end what it left running.

        A fresh start has removed that journal. The parent comes last: interrupted, it is done again.
        """
        text = f"tags.`{PLACE}` = '{self.place}' AND tags.`{JOURNAL}` != '{self.journal_id}'"
        for parent in search(self.client, self.experiment_id, text):
            if REPLACED in parent.data.tags:
                continue
            children = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
            for run in (*search(self.client, self.experiment_id, children), parent):
                self.tag(run.info.run_id, {REPLACED: "true"})
                if run.info.status == "RUNNING":
                    self.close(run.info.run_id, "KILLED", time)


def trial_runs(settings: Settings, study: str) -> dict[str, str]:
    """{trial: run id} of a study; of trials that were begun anew (--fresh), the newest."""
    client = connect(settings)
    experiment = client.get_experiment_by_name(settings.experiment_name(study))
    if experiment is None:
        return {}
    runs = search(client, experiment.experiment_id, f"tags.`{STUDY}` = '{study}'")
    newest_last = sorted(runs, key=lambda run: run.info.start_time)
    return {run.data.tags[TRIAL]: run.info.run_id for run in newest_last if TRIAL in run.data.tags}


def _batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:_LONGEST_PARAM]
