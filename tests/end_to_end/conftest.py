"""One running sandbox for all tests of this folder; a test makes a life of its own in it."""

from collections.abc import Iterator

import pytest

from tests import lives
from tests.end_to_end.running import Life, Sandbox, lived, started
from tests.sandboxes import Api


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Its clock only goes forward and is shared: a test that moves it starts a sandbox of its own (`started`)."""
    with started() as running:
        yield running


@pytest.fixture
def life(sandbox: Sandbox) -> Life:
    return lived(sandbox)


@pytest.fixture(scope="session")
def api(sandbox: Sandbox) -> Iterator[Api]:
    api = Api(sandbox.url)
    yield api
    api.close()


@pytest.fixture
def scene(api: Api) -> lives.Life:
    """A dossier with more people around it than `life` has, and words for what they do."""
    return lives.opened(api)
