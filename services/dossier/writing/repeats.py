"""When two posts are the same event (R-29): one source and one id, with one content, however numbers are written."""

from collections.abc import Mapping, Sequence

import orjson

from services.dossier.writing.incoming import Incoming, Key
from services.foundation.problems import CONFLICT, Problem

USED = "This id was used before for another event; give a new event a new id."


def each_once(incoming: Sequence[Incoming]) -> list[Incoming]:
    """The same source and id twice in one batch is a repeat too (R-29)."""
    first: dict[Key, Incoming] = {}
    for one in incoming:
        if canonical(first.setdefault(one.key, one)) != canonical(one):
            raise Problem(CONFLICT, USED)
    return list(first.values())


def canonical(one: Incoming) -> bytes:
    """What makes two posts the same event: type, class and data, however the numbers are written."""
    told = {"type": one.type, "class": one.privacy_class, "data": _plain(one.data)}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def canonical_data(one: Incoming) -> str:
    return orjson.dumps(_plain(one.data), option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
    return value
