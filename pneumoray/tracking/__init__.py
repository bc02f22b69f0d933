"""tracking: the journal of a study -> MLflow, and its registry. Nothing else imports mlflow.

settings.py      mlflow.yaml: where runs and models go; sqlite.py: a database's path as a URI
locations.py     where the database says that files lie, and where they lie now
server.py        is the server there, and new enough; request.py: asked as MLflow asks
permission.py    may this user write there
pages.py         MLflow's pages on this machine; view.py: how they show a study's runs first
replayer.py      one thread that sends the journal's lines, and never makes training wait
lines.py         the journal's lines, as they are sent; loading.py: MLflow, imported late and quiet
records.py       one record -> what it says of the runs; metrics.py: its numbers
refusals.py      what MLflow refuses of a record, while the rest is sent; lengths.py: what it takes
experiment.py    the study's experiment; client.py: MLflow without its global state
runs.py          parent run, trial runs, vote runs: found, or created
datasets.py      the splits of a Pack, as inputs of a run
scores.py        what a vote scored: a dozen metrics, and tables
descriptions.py  what the pages say in words
registry.py      a Bundle -> a version of a registered model
signature.py     what MLflow is told of a model's inputs and outputs
registered.py    a version of a registered model -> its Bundle's folder
"""

from pneumoray.tracking.locations import bring_here, warning
from pneumoray.tracking.pages import serve
from pneumoray.tracking.permission import check_writing
from pneumoray.tracking.replayer import Replayer, download, replay, run_ids
from pneumoray.tracking.server import check
from pneumoray.tracking.settings import Settings, find_settings

__all__ = [
    "Replayer",
    "Settings",
    "bring_here",
    "check",
    "check_writing",
    "download",
    "find_settings",
    "replay",
    "run_ids",
    "serve",
    "warning",
]
