"""The runs of one journal in MLflow: a parent for the study, under it one a trial, one an ensemble.

Runs are found by their tags before one is created, and whatever is written twice is there once.
"""

import errno
import getpass
import json
import os
import posixpath
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import LifecycleStage, Metric, Param, Run, RunTag, ViewType
from mlflow.exceptions import MlflowException

from pneumoray import artifact, root, table_file
from pneumoray.predictions import Predictions
from pneumoray.tracking import datasets, experiment, lengths
from pneumoray.tracking.client import connect, search
from pneumoray.tracking.refusals import Refusals, is_of_content
from pneumoray.tracking.settings import Settings

JOURNAL, STUDY, TRIAL, ENSEMBLE = (
    f"pneumoray.{name}" for name in ("journal", "study", "trial", "ensemble")
)
PLACE, SENT = "pneumoray.place", "pneumoray.sent"
REPLACED = "replaced"  # people look for it
_SOURCE, _PARENT_ID = "mlflow.source.name", "mlflow.parentRunId"
_IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_PARENT = ""  # the study's own run, beside the names of trials and ensembles
_METRICS_A_BATCH = 1000
_OTHERS_A_BATCH = 100


class Runs:
    """The runs of journal `journal_id`, which lies at `place`. Connecting asks once for all of them.

    `num_sent`: how many lines of the journal an earlier process has sent. Times are milliseconds.
    A run that was deleted is restored when it is written to, which keeps what refers to it; one that
    is gone for good is made anew. What is refused of a run's content is collected in `refusals`.
    """

    def __init__(self, settings: Settings, journal_id: str, place: Path, study: str) -> None:
        self.settings, self.journal_id, self.study = settings, journal_id, study
        base = root.of(place)
        self.place = artifact.digest([root.identity(base), study])[:16]
        # versions before took the machine's name and the path for it; a database in the workspace
        # has no other's runs
        self._old_place = artifact.digest([socket.gethostname(), str(place)])[:16]
        self._is_own = settings.database is not None and settings.database.is_relative_to(base)
        self.client = connect(settings)
        ours = f"tags.`{JOURNAL}` = '{journal_id}'"
        self.experiment_id = experiment.find_or_create(self.client, settings, study, ours)
        self.refusals = Refusals(settings)
        self._ids: dict[str, str] = {}
        self._deleted: dict[str, str] = {}
        self._parents: dict[str, str] = {}  # run id -> the run above it
        self.num_sent = 0
        for run in search(self.client, self.experiment_id, ours, ViewType.ALL):
            self._take(run)

    def has(self, ids: Iterable[str]) -> bool:
        """Whether the study and all these trials and votes have a run that was not deleted."""
        return set(ids) | {_PARENT} <= set(self._ids)

    def parent(self, time: int) -> str:
        """The study's run."""
        if _PARENT not in self._ids:
            self._mark_replaced(time)
            tags = {PLACE: self.place, _SOURCE: "pneumoray train-all"}
            self._ids[_PARENT] = self._restored(_PARENT) or self._create(self.study, time, tags)
        return self._ids[_PARENT]

    def child(self, id: str, kind: str, time: int, name: str = "") -> str:
        """The run of a trial or an ensemble (`kind` is the tag TRIAL or ENSEMBLE), called `name`."""
        parent = self.parent(time)
        if id not in self._ids:
            command = "train-all" if kind == TRIAL else "ensemble"
            tags = {kind: id, _PARENT_ID: parent, _SOURCE: f"pneumoray {command}"}
            self._ids[id] = self._restored(id) or self._create(name or id, time, tags)
        run_id = self._ids[id]
        if self._parents.get(run_id, parent) != parent:  # the study's run was made anew
            self.tag(run_id, {_PARENT_ID: parent})
            self._parents[run_id] = parent
        return run_id

    def remember(self, num_sent: int) -> None:
        """Note on the parent run how many lines of the journal have been sent."""
        if _PARENT in self._ids and num_sent != self.num_sent:
            with self.refusals.step():
                self.client.set_tag(self._ids[_PARENT], SENT, num_sent)
        self.num_sent = num_sent

    def open(self, run_id: str) -> None:
        """Set it running; it may have ended, and be resumed."""
        with self.refusals.step():
            self.client.update_run(run_id, status="RUNNING")

    def close(self, run_id: str, status: str, time: int) -> None:
        with self.refusals.step():
            self.client.set_terminated(run_id, status, time)

    def tag(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Set these tags, less those that are None."""
        texts = {key: lengths.cut(str(v), lengths.TAG) for key, v in tags.items() if v is not None}
        given = [RunTag(key, text) for key, text in texts.items()]
        self._log(run_id, "tags", given, _OTHERS_A_BATCH)

    def params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Log what is new. MLflow keeps a parameter for ever: one that changed becomes a tag."""
        texts = {key: _text(value) for key, value in params.items()}
        old: dict[str, str] = {}
        with self.refusals.step():
            old = self.client.get_run(run_id).data.params
        new = [Param(key, text) for key, text in texts.items() if key not in old]
        self._log(run_id, "params", new, _OTHERS_A_BATCH)
        self.tag(run_id, {f"{k}.now": t for k, t in texts.items() if k in old and old[k] != t})

    def metrics(self, run_id: str, metrics: Sequence[Metric]) -> None:
        self._log(run_id, "metrics", metrics, _METRICS_A_BATCH)

    def datasets(self, run_id: str, pack: Mapping[str, Any], *splits: str) -> None:
        """Name splits of the Pack as inputs of the run."""
        with self.refusals.step():
            self.client.log_inputs(run_id, datasets.inputs(self.study, pack, splits))

    def json(self, run_id: str, content: Mapping[str, Any], name: str) -> None:
        """Log `content` as the artifact `name`."""
        with self.refusals.step():
            self.client.log_dict(run_id, dict(content), name)

    def file(self, run_id: str, name: str, path: Path) -> None:
        """Log a file as artifact `name`; a CSV as a table."""
        with self.refusals.step():
            if not path.is_file():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            if path.suffix == ".csv":
                is_predictions = path.name.endswith("predictions.csv")
                table = Predictions.load(path).table() if is_predictions else table_file.read(path)
                self.table(run_id, table, name.removesuffix(".csv") + ".json")
            else:
                self.client.log_artifact(run_id, str(path), posixpath.dirname(name) or None)

    def table(self, run_id: str, table: pd.DataFrame, name: str) -> None:
        """What `log_table` does, less its adding to a table that is there: twice is once."""
        with self.refusals.step():
            self.client.log_text(run_id, table.to_json(orient="split", index=False), name)
            tags = self.client.get_run(run_id).data.tags
            logged = json.loads(tags.get("mlflow.loggedArtifacts", "[]"))
            entry = {"path": name, "type": "table"}
            if entry not in logged:
                self.tag(run_id, {"mlflow.loggedArtifacts": json.dumps([*logged, entry])})

    def _log(self, run_id: str, kind: str, items: Sequence[Any], size: int) -> None:
        """Log `items` in requests of at most `size`; one that is refused does not stop the others."""
        for start in range(0, len(items), size):
            batch = list(items[start : start + size])
            try:
                self.client.log_batch(run_id, **{kind: batch})  # type: ignore[arg-type]
            except Exception as error:
                if len(batch) > 1 and is_of_content(error):
                    self._log(run_id, kind, batch, (len(batch) + 1) // 2)
                else:
                    self.refusals.take(error)

    def _take(self, run: Run) -> None:
        """Note a run that there is already, or was."""
        tags, run_id = run.data.tags, run.info.run_id
        is_there = run.info.lifecycle_stage == LifecycleStage.ACTIVE
        id = tags.get(TRIAL) or tags.get(ENSEMBLE) or _PARENT
        (self._ids if is_there else self._deleted)[id] = run_id
        if _PARENT_ID in tags:
            self._parents[run_id] = tags[_PARENT_ID]
        if is_there:
            self.num_sent = max(self.num_sent, int(tags.get(SENT, 0)))

    def _restored(self, id: str) -> str | None:
        """The deleted run of this trial, vote or study, which is there again; None where none is."""
        run_id = self._deleted.pop(id, None)
        if run_id is not None:
            try:
                self.client.restore_run(run_id)
            except MlflowException as error:
                if error.error_code != "PERMISSION_DENIED":
                    raise
                return None  # who may edit may not always restore
            if id == _PARENT:  # what it remembers was true before
                self.client.set_tag(run_id, SENT, 0)
        return run_id

    def _create(self, name: str, time: int, tags: Mapping[str, str]) -> str:
        ours = {JOURNAL: self.journal_id, STUDY: self.study, "mlflow.user": _user()}
        ours |= {"mlflow.source.type": "JOB" if _IN_A_JOB in os.environ else "LOCAL"}
        return self.client.create_run(
            self.experiment_id,
            start_time=time,
            run_name=lengths.cut(name, lengths.RUN_NAME),
            tags=ours | dict(tags),
        ).info.run_id

    def _mark_replaced(self, time: int) -> None:
        """Tag what an older journal of this study in this workspace wrote, and end what it left running.

        A fresh start has removed that journal. The parent comes last: interrupted, it is done again.
        """
        text = f"tags.`{STUDY}` = '{self.study}' AND tags.`{JOURNAL}` != '{self.journal_id}'"
        for parent in search(self.client, self.experiment_id, text):
            place = parent.data.tags.get(PLACE)  # only parents have one
            is_ours = place in (self.place, self._old_place) or (place and self._is_own)
            if REPLACED in parent.data.tags or not is_ours:
                continue
            children = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
            for run in (*search(self.client, self.experiment_id, children), parent):
                self.tag(run.info.run_id, {REPLACED: "true"})
                if run.info.status == "RUNNING":
                    self.close(run.info.run_id, "KILLED", max(time, run.info.start_time))


def trial_runs(settings: Settings, study: str, journal_id: str) -> dict[str, str]:
    """{trial: run id} of a study, by the journal that it has now."""
    client = connect(settings)
    experiment = client.get_experiment_by_name(settings.experiment_name(study))
    if experiment is None:
        return {}
    runs = search(client, experiment.experiment_id, f"tags.`{JOURNAL}` = '{journal_id}'")
    return {run.data.tags[TRIAL]: run.info.run_id for run in runs if TRIAL in run.data.tags}


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return lengths.cut(text, lengths.PARAM)
