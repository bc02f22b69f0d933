"""Champions by validation, and their soft vote."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pneumoray.epochs import mean_rank
from pneumoray.errors import StudyError, did_you_mean, some_of
from pneumoray.predictions import Predictions


@dataclass(frozen=True)
class Candidate:
    """A trial at its full budget: what it is, and what it said of the validation split.

    rank: (validation AUROC, minus log loss), higher is better.
    """

    trial: str
    config_id: str  # trials that differ only in their seed share it
    family: str
    backbone: str
    rank: tuple[float, float]
    val: Predictions
    lacks_seeds: bool = False  # some of its configuration failed


def champions(
    candidates: Sequence[Candidate],
    top: int,
    families: Sequence[str] = (),
    any_family: bool = False,
) -> list[Candidate]:
    """The `top` best candidates, best first: one of each family, unless `any_family`.

    Configurations are ranked by the mean over their seeds, those that lack seeds behind the others,
    and the best seed stands for each.
    `families` keeps those only. Fewer are returned where fewer are there. Raises StudyError when a
    family has no candidate, or none is left.
    """
    if not candidates:
        raise StudyError(
            "no model is trained to its full budget yet: run 'pneumoray train-all' until it ends"
        )
    known = sorted({candidate.family for candidate in candidates})
    for family in families:
        if family not in known:
            raise StudyError(
                f"no trained model of family {family!r}: choose from {some_of(known, 8)}"
                + did_you_mean(family, known)
            )
    repeats: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in sorted(candidates, key=lambda c: c.trial):
        repeats[candidate.config_id].append(candidate)
    ranked = sorted(
        repeats.values(),
        key=lambda group: (not group[0].lacks_seeds, mean_rank([c.rank for c in group])),
        reverse=True,
    )
    chosen: list[Candidate] = []
    for group in ranked:
        candidate = max(group, key=lambda c: c.rank)
        taken = {c.family for c in chosen}
        if (not families or candidate.family in families) and (
            any_family or candidate.family not in taken
        ):
            chosen.append(candidate)
    return chosen[:top]


def voters(
    candidates: Sequence[Candidate],
    top: int,
    scoring: Callable[[str], str],
    families: Sequence[str] = (),
    any_family: bool = False,
) -> list[Candidate]:
    """The `top` champions that vote, at least two.

    `scoring` gives the command that scores a family's champion alone, for the advice in an error.
    Raises StudyError where fewer are there, or one is asked for, and says what can be voted instead.
    """
    found = champions(candidates, len(candidates), families, any_family)
    if len(found) >= top > 1:
        return found[:top]
    num_trials = len(champions(candidates, len(candidates), families, any_family=True))
    ways = [f"vote with --top {len(found) if top > 1 else 2}"] if len(found) > 1 else []
    if num_trials > len(found):
        fewer = f" --top {num_trials}" if num_trials < top else ""
        ways.append(f"let trials of one family vote with --any-family{fewer}")
    elif not (any_family or families) and top > len(found) > 1:
        ways.append("train more (--any-family finds no other trial)")
    if len(found) == 1 or top == 1:
        ways.append(f"score one model alone with '{scoring(found[0].family)}'")
    raise StudyError(f"{_too_few(found, top, families, any_family)}: {', or '.join(ways)}")


def _too_few(
    found: Sequence[Candidate], top: int, families: Sequence[str], any_family: bool
) -> str:
    if top == 1:
        return "a vote of one member is no vote"
    what = "trials" if any_family else "families"
    if families and not any_family:
        return f"--top {top} asks for {top} families, and --families names {len(set(families))}"
    names = "" if any_family else f" ({some_of(candidate.family for candidate in found)})"
    count = f"only {len(found)} {'is' if len(found) == 1 else 'are'} trained to the end{names}"
    return f"--top {top} asks for {top} {what}, and {count}"


def soft_vote(members: Sequence[Predictions]) -> Predictions:
    """Average the members' class probabilities, one equal vote each.

    Raises ValueError when there is no member, or when members saw different images.
    """
    if not members:
        raise ValueError("soft_vote needs at least one member, got none")
    first = members[0]
    for i, member in enumerate(members):
        if not np.array_equal(member.image_ids, first.image_ids):
            raise ValueError(f"member {i} was scored on other images than member 0")
        if member.classes != first.classes:
            raise ValueError(f"member {i} has other classes than member 0")
    return replace(first, probs=np.mean([member.probs for member in members], axis=0))
