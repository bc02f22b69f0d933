"""What a caller in Python sees of a stage's events, unless it takes them itself."""

import sys
from typing import Any


def tell(event: dict[str, Any]) -> None:
    """Print to stderr, a line each, what a person should know: notes, findings, epochs, failures.

    The `on_event` that the functions of this package have by default; `on_event=print` shows all.
    """
    match event:
        case {"type": "note", "text": line}:
            pass
        case {"type": "finding", "severity": "fix" | "handled" as severity, "message": message}:
            line = f"{severity}: {message}"
        case {"type": "stage", "stage": stage, "trials": trials}:
            line = f"{stage}: {len(trials)} trial{'s' * (len(trials) != 1)}"
        case {"type": "epoch", "trial": trial, "record": record}:
            line = f"{trial}  epoch {record['epoch']}  val AUROC {record['val_auroc']:.4f}"
        case {"type": "failed", "trial": trial, "reason": reason}:
            line = f"{trial} failed: {reason}"
        case {"type": "unsent", "records": num_records, "reason": reason}:
            line = f"{num_records} records wait for MLflow ({reason}); 'pneumoray sync' sends them"
        case _:
            return
    print(line, file=sys.stderr, flush=True)
