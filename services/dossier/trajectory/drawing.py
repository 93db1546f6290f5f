"""Draws the stage machine, from the data by which it runs."""

from collections.abc import Iterator
from itertools import pairwise

from services.dossier.domain.numbers import DEFAULTS
from services.dossier.trajectory.stage import DECIDES, STAGES

HEAD = f"""\
# The stage of a dossier

Generated from `services/dossier/trajectory/stage.py` by `python -m services.roots.documents`; do not edit.

The stage on a day is the first of these whose condition holds, over everything that happened up to and including that
day and that was not retracted. Nothing is stored: a late event changes the stages of the past as it happened, and
`knownAt` still shows them as they were known. `early_weeks` is {DEFAULTS.early_weeks} where a region did not decide
otherwise; each day goes by the numbers that held on it. After `dossier.closed` the stage stays what it was.

"""


def drawn() -> str:
    return HEAD + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "```mermaid"
    yield "flowchart TD"
    yield '    day(["a day"])'
    for name, _, words in STAGES[:-1]:
        yield f'    is_{name}{{"{words}?"}}'
    for name, _, _ in STAGES:
        yield f'    {name}["{name}"]'
    yield f"    day --> is_{STAGES[0][0]}"
    for (name, _, _), (following, _, _) in pairwise(STAGES):
        yield f"    is_{name} -- yes --> {name}"
        is_last = following == STAGES[-1][0]
        yield f"    is_{name} -- no --> {following if is_last else f'is_{following}'}"
    yield "```"
    yield ""
    yield "| stage | holds when | nobody spoke for at most |"
    yield "|---|---|---|"
    for name, _, words in STAGES:
        yield f"| `{name}` | {words} | {DEFAULTS.silence_weeks[name]} weeks |"
    yield ""
    yield (
        "What decides it, so who may read all of these may see it: " + ", ".join(f"`{each}`" for each in DECIDES) + "."
    )
