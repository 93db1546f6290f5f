"""Faults planted on purpose, each of which the races must find; else they prove nothing of the code as it is."""

from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest

from services.dossier.gate import fence
from services.foundation.database import connection
from services.foundation.database.connection import Lock, advisory_key
from tests.races.conftest import Ground
from tests.races.schedules import at_random
from tests.races.test_withdrawal import OnModel, OnPostgres, enumerated
from tests.races.withdrawal import EXITS, check

pytestmark = pytest.mark.anyio


def another_lock(dossier_id: UUID) -> Lock:
    """A fence that fences nothing off: nobody takes this one exclusively."""
    return Lock(advisory_key("nothing", dossier_id), shared=True)


def fence_is_dropped_from_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "shared", another_lock)


def withdrawal_takes_no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "exclusive", another_lock)


PLANTED = (fence_is_dropped_from_reads, withdrawal_takes_no_fence)


@pytest.mark.parametrize("exit_", ["read", "deliver"])
@pytest.mark.parametrize("plant", PLANTED)
async def test_on_the_model_a_missing_fence_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], exit_: str
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match="committed after the withdrawal"):
        await enumerated(OnModel(), exit_, False)


@pytest.mark.parametrize("exit_", EXITS)
async def test_on_the_model_a_snapshot_from_before_the_lock_is_found(exit_: str) -> None:
    with pytest.raises(AssertionError, match="after the acknowledgement"):
        await enumerated(OnModel("repeatable read"), exit_, False)


@pytest.mark.parametrize("plant", PLANTED)
async def test_on_postgresql_a_missing_fence_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], ground: Ground
) -> None:
    real = await OnPostgres.begin(ground)
    plant(monkeypatch)
    with pytest.raises(AssertionError, match="committed after the withdrawal"):
        await _many(real)


async def test_on_postgresql_a_snapshot_from_before_the_lock_is_found(
    monkeypatch: pytest.MonkeyPatch, ground: Ground
) -> None:
    real = await OnPostgres.begin(ground)
    monkeypatch.setattr(connection, "BEGIN", "begin isolation level repeatable read;")
    with pytest.raises(AssertionError, match="after the acknowledgement"):
        await _many(real)


async def _many(real: OnPostgres) -> None:
    random = Random(3)
    for _ in range(300):
        check(await real("read", False, at_random(random)), "read")
