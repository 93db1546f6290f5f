"""What the committed AsyncAPI document says of a message, to hold real ones against."""

import json
from typing import Any, Final

from jsonschema_rs import Draft7Validator

from services.roots.api import ASYNC_DOCUMENT

COMMITTED: Final[dict[str, Any]] = json.loads(ASYNC_DOCUMENT.read_text("utf-8"))


def at(reference: str) -> Any:
    found: Any = COMMITTED
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def payload(message: str) -> Draft7Validator:
    """Validates what a message of this name carries."""
    schema = at(f"#/components/messages/{message}")["payload"]
    return Draft7Validator(schema | {"components": COMMITTED["components"]}, validate_formats=True)
