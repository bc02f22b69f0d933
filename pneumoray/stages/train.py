"""train_all: every backbone of a study over its grid, race and final, each run in MLflow."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pneumoray import checkpoint, tracking
from pneumoray.comparing.board import Board, board_of
from pneumoray.data.read import map_threads
from pneumoray.distributed.capacity import this_machine
from pneumoray.distributed.resources import Resources, is_remote, keep_token_private
from pneumoray.errors import StudyError
from pneumoray.grid import check_size, configurations
from pneumoray.stages import champion, checks, prepare, provenance, recording, summary
from pneumoray.stages.default_study import default_study
from pneumoray.stages.lonely import tell_lonely
from pneumoray.stages.prepare import OnEvent
from pneumoray.stages.run import Run
from pneumoray.study import Study
from pneumoray.study_file import read as read_study
from pneumoray.workspace import open_workspace


def train_all(
    study: Study | str | None = None,
    data: Path | str | None = None,
    *,
    images: Path | str | None = None,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    address: str | None = None,
    resources: Resources | None = None,
    fresh: bool = False,
    allow_leaks: bool = False,
    no_patients: bool = False,
    promote: bool = False,
    yes: bool = False,
    verbose: bool = False,
    on_event: OnEvent = lambda event: None,
) -> Board:
    """Train a study and return its leaderboard, best validation AUROC first.

    Without a study, the one that suits the cluster: `xray` where it has a GPU, else `xray-64`.
    The same call again goes on where it was left, and does nothing when all is done. A trial that
    fails is on the leaderboard with its reason; the others go on.
    `yes` lets a study of more than 500 trials begin.
    Raises PneumorayError, before anything starts, for whatever the user can fix.
    """
    place, resources = open_workspace(workspace), resources or Resources()
    if study is None:
        study = default_study(resources.device, address, on_event)
    study = read_study(study) if isinstance(study, str) else study
    check_size(study, yes)
    folder, remote = place.study(study.name), is_remote(address)
    study = checks.leave_out_missing(study, None if fresh else folder, on_event)
    configs = configurations(study)
    settings = tracking.find_settings(_path(mlflow), place.root, study.name == "demo")
    families = {config.family for config in configs}
    champion.check_names(place, study.name, families, settings)
    recording.check(settings, study.name, families, on_event)
    listed = prepare.list_images(study, _path(data), _path(images), place)
    checks.check_patients(listed[0], no_patients)
    checks.check_networks(configs, listed[0].classes)
    if not fresh:
        checks.check_unchanged(folder, listed[0].classes, [c.trial_id for c in configs])
    new = [c for c in configs if fresh or checkpoint.starts_anew(folder.trial(c.trial_id))]
    workers = max((config.workers for config in new), default=0)
    if new and not remote:  # a cluster is asked when it is reached
        resources = this_machine().resolve(resources, workers)
    checks.check_weights(new)
    with contextlib.ExitStack() as stack:
        stack.enter_context(folder.locked())
        map_shards = map_threads
        if remote:
            map_shards = _connect(stack, address, verbose)
            if new:
                _check_room(resources, workers)
        prepared = prepare.pack_images(
            study, configs, listed, place, map_shards=map_shards, on_event=on_event
        )
        first = prepared.first
        tell_lonely(new, len(first.rows("train")), len(first.manifest.classes), on_event)
        leaking = checks.check_leaks(first.manifest, allow_leaks)
        for finding in prepared.findings:
            on_event({"type": "finding", **asdict(finding)})
        folder.claim(study, prepared.hashes, fresh, {"leaks_allowed": leaking})
        place.remember(study.name)
        run = Run(study, configs, prepared, folder, on_event)
        if run.pending() or promote or not recording.all_sent(folder, settings):
            run.logbook.journal.append("study", **provenance.of_study(study, prepared, leaking))
            with recording.recorded(folder, settings, on_event), run.closing():
                if run.pending() and not remote:
                    _connect(stack, address, verbose)
                run.train(resources)
                champion.register(study, folder, run.logbook.journal, promote)
                summary.note(folder, run.logbook.journal)
    board = board_of(folder, recording.run_ids(folder, settings))
    rows = [row for standing in board.standings for row in standing.rows]
    if all(row.outcome == "failed" for row in rows):
        raise StudyError(f"every trial of study {study.name} failed; the first: {rows[0].reason}")
    return board


def _connect(stack: contextlib.ExitStack, address: str | None, verbose: bool) -> Any:
    """Join or start Ray for as long as `stack` lasts, and return what maps packing over it."""
    keep_token_private(address)
    from pneumoray.distributed import packing, runtime  # Ray loads only where there is work

    stack.enter_context(runtime.cluster(address, verbose))
    return packing.map_shards


def _check_room(resources: Resources, workers: int) -> None:
    """Raise ClusterError where the cluster can't hold a trial of so many workers."""
    from pneumoray.distributed import runtime

    runtime.resolve(resources, workers)


def _path(value: Path | str | None) -> Path | None:
    return None if value is None else Path(value)
