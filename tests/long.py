"""What takes long: whether it is done as often as it can be, and when it is given up for one that hangs."""

import os
from typing import Final

import pytest

# `DRAAD_TESTS=long`, as CI has it: what only repeats itself is done as often as it can be.
IS_LONG: Final = os.environ.get("DRAAD_TESTS") == "long"
# Far beyond what it takes on a slow machine that does something else as well: what hangs is ended, nothing is timed.
given_time: Final = pytest.mark.timeout(900)
