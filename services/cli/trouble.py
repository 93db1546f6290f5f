"""What stood in the way, as a sentence that says what to do; never a traceback."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

FAULT_OF_OURS = 70  # EX_SOFTWARE of sysexits.h


def exit_status(error: BaseException) -> int:
    """Says it on standard error, and gives the exit status."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    from services.roots import demo, trouble

    expected = (*trouble.EXPECTED, *demo.EXPECTED)
    for each in _leaves(error):
        if isinstance(each, expected):
            for line in str(each).splitlines():
                console.print(Text.assemble(("draad: ", "bold red"), line))
            return 1
    from services.foundation import telemetry

    first = next(_leaves(error))
    facts = telemetry.fault(first)
    console.print(
        Text.assemble(
            ("draad: ", "bold red"),
            f"Something is wrong with Draad itself: {facts['exception']} at {facts['where']}. "
            "Nothing was half stored; please report it with this line.",
        )
    )
    return FAULT_OF_OURS


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
