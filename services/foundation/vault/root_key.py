"""The root key: wraps dossier keys and derives others, behind a port that a file or a cloud KMS can fill."""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
FORMAT = b"\x01"


class RootKeyRefused(Exception):
    """The root key cannot be used; the message goes on from the name of where it should be."""


class DoesNotOpen(Exception):
    """What is sealed does not open with this key and this binding."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class RootKey(Protocol):
    """`context` says what the wrapped key is for (a KMS: associated data); with another context it does not unwrap."""

    async def wrap(self, key: bytes, context: bytes) -> bytes: ...

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes: ...

    def derive(self, purpose: str) -> bytes: ...


def derived(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"draad/1/{purpose}".encode()).derive(key)


def seal(cipher: AESGCM, plaintext: bytes, associated: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, plaintext, FORMAT + associated)


def unseal(cipher: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    if len(sealed) <= 1 + NONCE_BYTES or sealed[:1] != FORMAT:
        raise DoesNotOpen
    try:
        return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], FORMAT + associated)
    except InvalidTag:
        raise DoesNotOpen from None


def parse_key(text: str) -> bytes:
    """From an environment value: 32 bytes in base64, either alphabet. Raises RootKeyRefused."""
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise RootKeyRefused(f"does not hold {KEY_BYTES} bytes: make a key with `openssl rand -base64 32`.")
    return key


def read_key(path: Path) -> bytes:
    """From a file that only its owner may read: 32 bytes, raw or in base64. Raises RootKeyRefused."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or stat.S_IMODE(facts.st_mode) & 0o077:
                raise RootKeyRefused("must be a regular file that only its owner may read: chmod 600 it.")
            content = file.read(4 * KEY_BYTES)
    except OSError as error:
        raise RootKeyRefused(f"cannot be read: {error.strerror}.") from None
    return content if len(content) == KEY_BYTES else parse_key(content.decode("ascii", "replace"))


class LocalRootKey:
    """A root key held by this process. Wrapping and deriving never use the same key."""

    __slots__ = ("_key", "_wrapping")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise RootKeyRefused(f"a root key is {KEY_BYTES} bytes.")
        self._key = key
        self._wrapping = AESGCM(derived(key, "wrap"))

    @classmethod
    def read(cls, path: Path) -> "LocalRootKey":
        return cls(read_key(path))

    @classmethod
    def generate(cls, path: Path) -> "LocalRootKey":
        """Makes a new root key at `path`, or reads the one that is there already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and linked into place, so that nobody ever reads half a key and the first writer wins.
        aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
        return cls.read(path)

    async def wrap(self, key: bytes, context: bytes) -> bytes:
        return seal(self._wrapping, key, context)

    async def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        return unseal(self._wrapping, wrapped, context)

    def derive(self, purpose: str) -> bytes:
        return derived(self._key, f"purpose/{purpose}")

    def __repr__(self) -> str:
        return "LocalRootKey()"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a root key does not leave its process")
