"""Whether what only repeats itself is done as often as it can be: `DRAAD_TESTS=long`, as CI has it."""

import os
from typing import Final

IS_LONG: Final = os.environ.get("DRAAD_TESTS") == "long"
