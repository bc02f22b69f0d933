"""What trials are called: by what differs among those of their study, and by their comparisons."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from pneumoray.comparing.axes import NOT_ITS_OWN, setting, varying
from pneumoray.config import Config
from pneumoray.evaluation.tables import shown
from pneumoray.grid import members
from pneumoray.study import Study

_SPEAKS_FOR_ITSELF = ("optimizer", "lr")  # any other setting stands behind its name: "dropout 0.5"
_SMALL = 0.01  # learning rates below are written with a power of ten


def names(configs: Iterable[Config]) -> dict[str, str]:
    """{trial id: 'resnet18 adamw 1e-3'}: the backbone, then the settings in which it was varied.

    The seed stands last where several are. A backbone that was not varied is its name.
    """
    by_backbone: dict[str, list[Config]] = defaultdict(list)
    for config in configs:
        by_backbone[config.backbone].append(config)
    found = {}
    for some in by_backbone.values():
        fields = varying(some) + ["seed"] * (len({config.seed for config in some}) > 1)
        for config in some:
            words = [config.backbone, *(_said(field, setting(config, field)) for field in fields)]
            found[config.trial_id] = " ".join(filter(None, words))
    return found


def told_apart(configs: Iterable[Config]) -> dict[str, str]:
    """Like `names`; the trial ids themselves where names tell nothing apart, as of a lone trial."""
    found = names(configs)
    return (
        found if len(set(found.values())) == len(found) > 1 else {trial: trial for trial in found}
    )


def compared(study: Study) -> dict[str, dict[str, str]]:
    """{trial id: names of the comparisons and arms that it belongs to, as far as they have one}."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for member in members(study):
        of = found[member.config.trial_id]
        for key, name in (("comparison", member.comparison), ("arm", member.arm)):
            if name:
                of[key] = ", ".join(filter(None, (of.get(key), name)))
    return found


def _said(field: str, value: Any) -> str:
    if value == NOT_ITS_OWN:
        return ""
    if field == "lr" and value < _SMALL:
        return np.format_float_scientific(value, trim="-", exp_digits=1)
    return shown(value) if field in _SPEAKS_FOR_ITSELF else f"{field} {shown(value)}"
