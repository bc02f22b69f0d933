"""tracking: the journal of a study -> MLflow, and its registry. Nothing else imports mlflow.

settings.py   mlflow.yaml: where runs and models go
server.py     is the server there, and new enough; `pneumoray ui`
replayer.py   one thread that sends the journal's lines, and never makes training wait
records.py    one record -> what it says of the runs
runs.py       parent run, trial runs, ensemble runs: found, or created
registry.py   a Bundle -> a version of a registered model
"""

import os

from pneumoray.tracking.replayer import Replayer, replay, run_ids
from pneumoray.tracking.server import check, serve
from pneumoray.tracking.settings import Settings, find_settings

__all__ = ["Replayer", "Settings", "check", "find_settings", "replay", "run_ids", "serve"]

# Read by MLflow, which is imported later. No usage reports, bars, links; and a server that is down is
# not waited for (MLflow's own: 7 retries of 120 s), as the replayer tries again by itself.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}.items():
    os.environ.setdefault(_name, _value)
