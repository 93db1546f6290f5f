"""How a body is divided by privacy class before sealing, and how the sealed parts lie in one column."""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from services.foundation.vault.sealing import Binding

VERSION = 1
_LENGTH = struct.Struct(">I")


def divide(privacy_class: str, field_classes: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The event's own class first, then a part for each stricter class that one of its fields carries."""
    parts: dict[str, dict[str, Any]] = {privacy_class: {}}
    for name, value in data.items():
        parts.setdefault(field_classes.get(name, privacy_class), {})[name] = value
    return parts


def binding(dossier_id: UUID, sequence: int, event_id: UUID, neutral_type: str, class_: str) -> Binding:
    """What a sealed part is bound to: moved elsewhere it does not open (design §5)."""
    return Binding(dossier_id, f"{sequence}:{event_id}", neutral_type, class_, VERSION)


def pack(parts: Iterable[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def unpack(packed: bytes, classes: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Class and sealed part, in the order of the row's classes."""
    at = 0
    for class_ in classes:
        (length,) = _LENGTH.unpack_from(packed, at)
        at += _LENGTH.size
        yield class_, packed[at : at + length]
        at += length
