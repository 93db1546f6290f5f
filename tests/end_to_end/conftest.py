"""One running sandbox for all tests of this folder; a test makes a life of its own in it."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.running import Life, Sandbox, lived, started


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Its clock only goes forward and is shared: a test that moves it starts a sandbox of its own (`started`)."""
    with started() as running:
        yield running


@pytest.fixture
def life(sandbox: Sandbox) -> Life:
    return lived(sandbox)
