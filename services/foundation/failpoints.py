"""Named places where a test may have this process die, as if its power were cut: a hook for tests of crashes.

`DRAAD_FAILPOINT=relay.before_mark` makes the process end itself with SIGKILL when it reaches that place. A root that
serves real people calls `guard` first and so refuses to start with one set, unless it is told that this is a test.
"""

import os
import signal
from collections.abc import Mapping

NAME = "DRAAD_FAILPOINT"
ALLOWED = "DRAAD_ALLOW_FAILPOINTS"


class FailpointSet(Exception):
    """DRAAD_FAILPOINT is set, and would kill this process: unset it, or set DRAAD_ALLOW_FAILPOINTS=1 for a test."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def guard(environment: Mapping[str, str]) -> None:
    if environment.get(NAME) and environment.get(ALLOWED) != "1":
        raise FailpointSet


def reach(name: str) -> None:
    if os.environ.get(NAME) == name:
        os.kill(os.getpid(), signal.SIGKILL)
