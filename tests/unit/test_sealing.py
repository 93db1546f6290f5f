"""What is sealed opens only where it belongs, and keys never show."""

import base64
import copy
import pickle
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.vault.keys import wrapping_context
from services.foundation.vault.root_key import LocalRootKey, RootKeyRefused, parse_key
from services.foundation.vault.sealing import CLASSES, Binding, DoesNotOpen, KeyRing, NoKeyForClass

DOSSIER = UUID("00000000-0000-4000-8000-000000000001")
OTHER = UUID("00000000-0000-4000-8000-000000000002")
KEYS = {class_: uuid5(DOSSIER, class_).bytes * 2 for class_ in CLASSES}
MAC_KEY = b"m" * 32
RING = KeyRing(DOSSIER, KEYS, MAC_KEY)
WORK = Binding(DOSSIER, "item-1", "nl.dossier.placement.started", "work", 1)

classes = st.sampled_from(CLASSES)
bindings = st.builds(
    Binding, st.just(DOSSIER), st.text(max_size=20), st.text(max_size=20), classes, st.integers(0, 2**63)
)
any_bindings = st.builds(
    Binding, st.sampled_from([DOSSIER, OTHER]), st.text(max_size=3), st.text(max_size=3), classes, st.integers(0, 3)
)


@given(bindings, st.binary(max_size=2000))
def test_what_is_sealed_opens_again(binding: Binding, plaintext: bytes) -> None:
    sealed = RING.seal(binding.class_, plaintext, binding)
    assert RING.open(binding.class_, sealed, binding) == plaintext
    assert len(plaintext) < 8 or plaintext not in sealed


@given(any_bindings, any_bindings)
def test_bindings_are_the_same_bytes_only_when_they_are_the_same(one: Binding, other: Binding) -> None:
    assert (one.canonical() == other.canonical()) == (one == other)


@given(any_bindings, any_bindings, st.binary(max_size=30))
def test_under_another_binding_nothing_opens(one: Binding, other: Binding, plaintext: bytes) -> None:
    one = replace(one, dossier_id=DOSSIER)
    sealed = RING.seal(one.class_, plaintext, one)
    if one == other:
        return
    # Every ring here has the same keys for every class: it is the binding alone that refuses.
    ring = KeyRing(other.dossier_id, dict.fromkeys(CLASSES, KEYS[one.class_]), MAC_KEY)
    with pytest.raises(DoesNotOpen):
        ring.open(other.class_, sealed, other)


@given(st.binary(max_size=60), st.data())
def test_a_changed_bit_anywhere_does_not_open(plaintext: bytes, data: st.DataObject) -> None:
    sealed = bytearray(RING.seal("work", plaintext, WORK))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DoesNotOpen):
        RING.open("work", bytes(sealed), WORK)


@given(st.binary(max_size=60), st.data())
def test_a_part_of_what_was_sealed_does_not_open(plaintext: bytes, data: st.DataObject) -> None:
    sealed = RING.seal("work", plaintext, WORK)
    with pytest.raises(DoesNotOpen):
        RING.open("work", sealed[: data.draw(st.integers(0, len(sealed) - 1))], WORK)


def test_the_same_text_is_sealed_differently_every_time() -> None:
    assert RING.seal("work", b"text", WORK) != RING.seal("work", b"text", WORK)


def test_what_is_sealed_says_which_format_it_has() -> None:
    assert RING.seal("work", b"text", WORK)[0] == 1


def test_a_refusal_to_open_says_nothing_of_the_content() -> None:
    sealed = RING.seal("work", b"text", WORK)
    with pytest.raises(DoesNotOpen) as refusal:
        RING.open("work", sealed, replace(WORK, item="item-2"))
    assert str(refusal.value) == DoesNotOpen.__doc__
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_sealing_for_another_dossier_or_class_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="another dossier or class"):
        RING.seal("work", b"text", replace(WORK, dossier_id=OTHER))
    with pytest.raises(ValueError, match="another dossier or class"):
        RING.seal("income", b"text", WORK)


def test_a_class_without_a_key_is_refused() -> None:
    ring = KeyRing(DOSSIER, {"income": KEYS["income"]}, MAC_KEY)
    with pytest.raises(NoKeyForClass):
        ring.seal("work", b"text", WORK)
    with pytest.raises(NoKeyForClass):
        ring.open("work", RING.seal("work", b"text", WORK), WORK)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_mac_recognises_the_same_data_of_the_same_dossier(one: bytes, other: bytes) -> None:
    assert (RING.mac(one) == RING.mac(other)) == (one == other)
    assert RING.mac(one) != KeyRing(OTHER, KEYS, b"n" * 32).mac(one)


def test_a_key_ring_shows_no_key_and_does_not_travel() -> None:
    assert repr(RING) == str(RING) == f"KeyRing({DOSSIER})"
    for travel in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not leave"):
            travel(RING)


# The root key


@pytest.mark.anyio
async def test_a_wrapped_key_unwraps_only_in_its_context_and_under_its_root_key() -> None:
    root, other = LocalRootKey(b"r" * 32), LocalRootKey(b"s" * 32)
    wrapped = await root.wrap(b"k" * 32, b"one")
    assert await root.unwrap(wrapped, b"one") == b"k" * 32
    with pytest.raises(DoesNotOpen):
        await root.unwrap(wrapped, b"other")
    with pytest.raises(DoesNotOpen):
        await other.unwrap(wrapped, b"one")


places = st.tuples(
    st.sampled_from(["dossier", "class"]),
    st.sampled_from([DOSSIER, OTHER, UUID(int=0)]),
    st.integers(0, 300),
    st.sampled_from(["", *CLASSES]),
)


@given(places, places)
def test_a_wrapped_key_belongs_to_one_place(one: tuple[str, UUID, int, str], other: tuple[str, UUID, int, str]) -> None:
    assert (wrapping_context(*one) == wrapping_context(*other)) == (one == other)


def test_a_derived_key_is_stable_and_its_own() -> None:
    root = LocalRootKey(b"r" * 32)
    assert root.derive("cursor") == LocalRootKey(b"r" * 32).derive("cursor")
    assert len({root.derive("cursor"), root.derive("claim"), LocalRootKey(b"s" * 32).derive("cursor"), b"r" * 32}) == 4
    assert len(root.derive("cursor")) == 32


def test_a_root_key_shows_no_key_and_does_not_travel() -> None:
    root = LocalRootKey(b"r" * 32)
    assert repr(root) == "LocalRootKey()"
    with pytest.raises(TypeError, match="does not leave"):
        pickle.dumps(root)


@pytest.mark.parametrize(
    "content", [b"\xfb" * 32, base64.b64encode(b"\xfb" * 32) + b"\n", base64.urlsafe_b64encode(b"\xfb" * 32)]
)
def test_a_root_key_file_is_raw_or_base64(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "root.key"
    path.touch(0o600)
    path.write_bytes(content)
    assert LocalRootKey.read(path).derive("cursor") == LocalRootKey(b"\xfb" * 32).derive("cursor")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_root_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(b"r" * 32)
    path.chmod(mode)
    with pytest.raises(RootKeyRefused, match="chmod 600"):
        LocalRootKey.read(path)


@pytest.mark.parametrize("content", [b"", b"r" * 31, b"r" * 33, b"not base64!" * 4, base64.b64encode(b"r" * 16)])
def test_a_root_key_of_another_length_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "root.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(RootKeyRefused, match="32 bytes") as refusal:
        LocalRootKey.read(path)
    assert not content or content.decode() not in str(refusal.value)


def test_a_root_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RootKeyRefused, match="cannot be read"):
        LocalRootKey.read(tmp_path / "root.key")


def test_a_root_key_is_generated_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.key"
    first = LocalRootKey.generate(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert LocalRootKey.generate(path).derive("cursor") == first.derive("cursor")
    assert LocalRootKey.read(path).derive("cursor") == first.derive("cursor")
    assert list(path.parent.iterdir()) == [path]


def test_a_root_key_from_the_environment_is_base64() -> None:
    assert parse_key(base64.b64encode(b"r" * 32).decode()) == b"r" * 32
    with pytest.raises(RootKeyRefused):
        parse_key("r" * 32)
