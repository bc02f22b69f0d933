"""One record of the journal -> what it says of the runs. Written again, it leaves the same."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Metric

from pneumoray import checkpoint, words
from pneumoray.tracking import descriptions, experiment, lengths, metrics, registry, scores
from pneumoray.tracking.refusals import Gone
from pneumoray.tracking.runs import ENSEMBLE, TRIAL, Runs
from pneumoray.tracking.settings import Settings
from pneumoray.tracking.view import SCORE

Record = dict[str, Any]

_FILES = (
    "curves.png",
    "confusion.png",
    "mistakes.png",
    "epochs.csv",
    "per_class.csv",
    "confused.csv",
)
_SIZES = ("parameters_total", "parameters_trainable")
_COUNTS = ("num_trained", "num_cut", "num_failed")
_NOTE = "mlflow.note.content"


class Writer:
    """Writes the records of one journal. `study` is its newest record of type study."""

    def __init__(self, settings: Settings, journal_id: str, place: Path, study: Record) -> None:
        self.settings, self.study = settings, study
        self.runs = Runs(settings, journal_id, place, study["study"])

    def write(self, record: Record) -> None:
        """Send one record that is no epoch. A type that is unknown is left alone.

        What MLflow refuses of it, which `runs.refusals` then holds, does not keep its other parts
        from being sent. Raises where the server is away.
        """
        with self.runs.refusals.step():
            self._write(record)

    def _write(self, record: Record) -> None:
        match record["type"]:
            case "study":
                self._study(record)
            case "trial":
                self._trial(record)
            case "end":
                self._end(record)
            case "model":
                self._model(record)
            case "opening":
                self._opening(record)
            case "ensemble":
                self._ensemble(record)
            case "summary":
                self._summary(record)
            case "comparison":
                path, run_id = Path(record["page"]), self.runs.parent(metrics.milliseconds(record))
                self.runs.file(run_id, f"comparisons/{path.name}", path)
            case "study_end":
                time = metrics.milliseconds(record)
                self.runs.close(self.runs.parent(time), record["status"], time)
            case "left_open":
                run_id = self._run_of(record)
                self.runs.close(run_id, record["status"], metrics.milliseconds(record))
                self.runs.tag(run_id, {"outcome": "interrupted"})

    def write_epochs(self, records: Sequence[Record]) -> None:
        """Send epoch records of any trials, one request a run; else as `write`."""
        by_run: dict[str, list[Metric]] = {}
        for record in records:
            values = record["record"] | metrics.best(record.get("best") or {})
            if self.settings.system_metrics:
                system = record.get("system") or {}
                values |= {f"system/{name}": value for name, value in system.items()}
            found = metrics.of(values, record, step=record["epoch"])
            with self.runs.refusals.step():
                by_run.setdefault(self._run_of(record), []).extend(found)
        for run_id, of_run in by_run.items():
            self.runs.metrics(run_id, of_run)

    def _study(self, record: Record) -> None:
        self.study = record
        run_id = self.runs.parent(metrics.milliseconds(record))
        self.runs.open(run_id)
        self.runs.params(run_id, record["config"])
        self.runs.tag(run_id, self._tags() | {"kind": "study"})
        self.runs.datasets(run_id, record["pack"], "train", "val")
        if text := record["config"].get("description"):
            with self.runs.refusals.step():
                experiment.describe(self.runs.client, self.runs.experiment_id, text)
        self.runs.json(run_id, record["config"], "study.json")
        findings = pd.DataFrame(record.get("findings") or [])
        if "image_ids" in findings:
            findings["num_images"] = findings.pop("image_ids").map(len)
            findings = findings.drop(columns="pairs", errors="ignore")
            self.runs.table(run_id, findings, "findings.json")

    def _trial(self, record: Record) -> None:
        run_id = self._run_of(record)
        self.runs.open(run_id)
        self.runs.params(run_id, record["config"])
        pack = self._pack_of(record)
        keys = ("stage", "family", "backbone", "device", "comparison", "arm")
        tags: dict[str, Any] = {key: record[key] for key in keys if key in record}
        tags |= {"kind": "trial", "outcome": "running", "pack": pack["hash"]}
        self.runs.tag(run_id, self._tags() | tags)
        self.runs.datasets(run_id, pack, "train", "val")

    def _end(self, record: Record) -> None:
        run_id = self._run_of(record)
        time = metrics.milliseconds(record)
        self.runs.close(run_id, record["status"], time)  # before what may fail
        best = record.get("best") or {}
        self.runs.metrics(run_id, metrics.of(metrics.best(best), record, step=best.get("epoch", 0)))
        self.runs.params(run_id, {name: record[name] for name in _SIZES if record.get(name)})
        tags = {name: record.get(name) for name in ("outcome", "reason", "weights_source")}
        tags |= {"best_epoch": best.get("epoch"), "time_seconds": round(record["time_seconds"], 1)}
        self.runs.tag(run_id, tags | {_NOTE: descriptions.of_trial(record)})
        if record.get("folder"):
            folder = Path(record["folder"])
            paths = [folder / name for name in _FILES]
            with self.runs.refusals.step():
                if newest := checkpoint.newest(folder):
                    paths.append(newest / "val_predictions.csv")
            for path in paths:
                if path.is_file():  # a run that was stopped writes none
                    self.runs.file(run_id, path.name, path)

    def _model(self, record: Record) -> None:
        origin = record.get("origin") or {"trial": record["trial"]}
        try:
            registry.check_bundle(Path(record["bundle"]), origin)
        except Gone:
            if record.get("superseded"):  # a later record has the bundle that is there now
                return
            raise
        tags = {"trial": record["trial"]}
        text = descriptions.of_champion(record, self.study["study"])
        self._register(record, self._run_of(record), record["family"], tags, text)

    def _ensemble(self, record: Record) -> None:
        report, members = record["report"], ",".join(record["members"])
        time = metrics.milliseconds(record)
        run_id = self._vote_of(record)
        self.runs.close(run_id, "FINISHED", time)  # before what may fail
        tags = {"kind": "ensemble", "stage": "ensemble", "family": "ensemble", "outcome": "tested"}
        tags |= {"members": members, "test_openings": str(record["openings"])}
        text = descriptions.of_vote(record, self.study["study"])
        self.runs.tag(run_id, self._tags() | tags | {_NOTE: text})
        facts = {
            key: value for key, value in report.items() if isinstance(value, str | int | float)
        }
        self.runs.params(
            run_id, {"members": members, "num_members": len(record["members"])} | facts
        )
        self.runs.datasets(run_id, self.study["pack"], "val", "test")
        tested = scores.headline(report["vote"])
        values = {SCORE: record["val_auroc"]} | tested
        self.runs.metrics(run_id, metrics.of(values, record))
        self.runs.metrics(self.runs.parent(time), metrics.of(tested, record))
        self._register(record, run_id, words.VOTE, {"members": members}, text)
        self.runs.json(run_id, report, "report.json")
        self.runs.table(run_id, scores.table(report), "scores.json")
        if len(per_class := scores.per_class(report)):
            self.runs.table(run_id, per_class, "per_class.json")
        for name, path in record.get("files", {}).items():
            self.runs.file(run_id, name, Path(path))

    def _register(
        self, record: Record, run_id: str, family: str, tags: dict[str, str], text: str
    ) -> None:
        study = self.study["study"]
        tags |= {key: str(record.get(key, "")) for key in ("val_auroc", "val_digest")}
        tags |= {"study": study, "family": family} | self._leaks()
        entry = registry.Entry(
            name=self.settings.model_name(study, family),
            folder=Path(record["bundle"]),
            experiment_id=self.runs.experiment_id,
            run_id=run_id,
            tags={key: lengths.cut(text, lengths.VERSION_TAG) for key, text in tags.items()},
            description=lengths.cut(text, lengths.DESCRIPTION),
            promote=bool(record.get("promote")),
            time=metrics.milliseconds(record),
        )
        with self.runs.refusals.step():
            version = registry.register(self.runs.client, entry)
            for key, value in self.settings.tags.items():  # the user's own come after the alias
                with self.runs.refusals.step():
                    registry.tag(self.runs.client, version, key, value)

    def _summary(self, record: Record) -> None:
        """What came out of the study, on its own run."""
        run_id = self.runs.parent(metrics.milliseconds(record))
        values = metrics.best(record["best"]) | {name: record[name] for name in _COUNTS}
        self.runs.metrics(run_id, metrics.of(values, record))
        self.runs.tag(run_id, {_NOTE: descriptions.of_study(record)})
        for name, path in record["files"].items():
            self.runs.file(run_id, name, Path(path))

    def _opening(self, record: Record) -> None:
        run_id = self.runs.parent(metrics.milliseconds(record))
        self.runs.tag(run_id, {"test_openings": record["number"]})
        self.runs.datasets(run_id, self.study["pack"], "test")

    def _run_of(self, record: Record) -> str:
        time, name = metrics.milliseconds(record), record.get("run_name", "")
        return self.runs.child(record["trial"], TRIAL, time, name)

    def _vote_of(self, record: Record) -> str:
        """The vote's run, which began when the stage did."""
        began = min(record.get("began") or math.inf, record["time"])  # a clock may step back
        return self.runs.child(
            record["ensemble"],
            ENSEMBLE,
            round(1000 * began),
            f"vote of {descriptions.voters(record)}",
        )

    def _tags(self) -> dict[str, str]:
        """Tags of every run: versions, the commit, the Pack, and what the settings add."""
        tags = {"pack": self.study["pack"]["hash"]} | self.study.get("tags", {})
        if commit := tags.get("git_commit"):
            tags["mlflow.source.git.commit"] = commit
        return tags | self._leaks() | self.settings.tags

    def _leaks(self) -> dict[str, str]:
        return {"leaks": "allowed"} if self.study.get("leaks_allowed") else {}

    def _pack_of(self, record: Record) -> dict[str, Any]:
        """The Pack of a trial, which may look at another image size than the study's first."""
        first = self.study["pack"]
        path = Path(record.get("pack") or first["path"])
        return (
            first
            if path.name == Path(first["path"]).name
            else first | {"path": str(path), "hash": record.get("pack_hash", path.name)}
        )
