"""One running sandbox for all tests of this folder; a test makes a life of its own in it."""

from collections.abc import Iterator

import pytest

from tests import lives, sandboxes
from tests.database import server, urls
from tests.kafka import secured_nodes
from tests.lives import Life
from tests.sandboxes import Api, Sandbox

__all__ = ["secured_nodes", "server", "urls"]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Its clock only goes forward and is shared: a test that moves it starts a sandbox of its own."""
    with sandboxes.running() as running:
        yield running


@pytest.fixture(scope="session")
def api(sandbox: Sandbox) -> Iterator[Api]:
    api = Api(sandbox.url)
    yield api
    api.close()


@pytest.fixture
def life(api: Api) -> Life:
    return lives.opened(api)


@pytest.fixture
def scene(api: Api) -> Life:
    """The same, in tests that tell of more people."""
    return lives.opened(api)
