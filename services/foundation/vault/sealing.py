"""Sealing with the keys of one dossier: what is sealed opens only as the item, type, class and version that it was."""

import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.foundation.vault.root_key import DoesNotOpen, seal, unseal

__all__ = ["CLASSES", "DERIVED", "PRIVACY_CLASSES", "Binding", "DoesNotOpen", "KeyRing", "NoKeyForClass"]

DERIVED: Final = "derived"
"""The class of what was computed from all the others: snapshots, timers."""

PRIVACY_CLASSES: Final = ("identity", "contact", "health-sensitive", "income", "work", "evaluation")
CLASSES: Final = (*PRIVACY_CLASSES, DERIVED)


class NoKeyForClass(Exception):
    """This dossier has no key for that class."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a sealed text belongs; it is authenticated with it and opens nowhere else."""

    dossier_id: UUID
    item: str
    type: str
    class_: str
    version: int

    def canonical(self) -> bytes:
        """No two bindings give the same bytes: every text is preceded by its length."""
        item, type_, class_ = self.item.encode(), self.type.encode(), self.class_.encode()
        lengths = struct.pack(">IIIQ", len(item), len(type_), len(class_), self.version)
        return b"".join((self.dossier_id.bytes, lengths, item, type_, class_))


class KeyRing:
    """The opened keys of one dossier. It holds ciphers rather than keys, and neither prints nor pickles them."""

    __slots__ = ("_ciphers", "_mac_key", "dossier_id")

    def __init__(self, dossier_id: UUID, class_keys: Mapping[str, bytes], mac_key: bytes) -> None:
        self.dossier_id = dossier_id
        self._ciphers = {class_: AESGCM(key) for class_, key in class_keys.items()}
        self._mac_key = mac_key

    def seal(self, class_: str, plaintext: bytes, aad: Binding) -> bytes:
        if aad.dossier_id != self.dossier_id or aad.class_ != class_:
            raise ValueError("the binding is of another dossier or class than the key")
        cipher = self._ciphers.get(class_)
        if cipher is None:
            raise NoKeyForClass
        return seal(cipher, plaintext, aad.canonical())

    def open(self, class_: str, sealed: bytes, aad: Binding) -> bytes:
        if aad.dossier_id != self.dossier_id or aad.class_ != class_:
            raise DoesNotOpen
        cipher = self._ciphers.get(class_)
        if cipher is None:
            raise NoKeyForClass
        return unseal(cipher, sealed, aad.canonical())

    def mac(self, data: bytes) -> bytes:
        """HMAC-SHA256 by which a repeat is recognised; worthless once the keys are destroyed."""
        return hmac.digest(self._mac_key, data, "sha256")

    def __repr__(self) -> str:
        return f"KeyRing({self.dossier_id})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key ring does not leave its process")
