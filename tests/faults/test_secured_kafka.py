"""A Kafka with TLS, passwords and rights: who may, can; who may not is told so in words, and no secret is in them."""

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.kafka.nodes import Nodes
from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.trouble import (
    KafkaTrouble,
    NoAuthority,
    NotAllowed,
    NotInClear,
    NotLoggedIn,
    NoTls,
    NotReceived,
    NotTrusted,
    TopicMissing,
)
from services.foundation.bus.port import Consumer, Received, Record
from tests.kafka import as_user, kafka, own_nodes, secured_nodes

__all__ = ["kafka", "secured_nodes"]

TOPIC = "draad.entries"
RECORD = Record("a key", b"a value")
pytestmark = [
    pytest.mark.anyio,
    # A client that could not come in leaves its sockets to the collector; there is nothing of it that we could close.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def short_and_collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Who is not let in is told after some seconds, which are shorter here."""
    monkeypatch.setattr("services.foundation.bus.kafka.cluster.CONNECT_WITHIN_MS", 3_000)
    yield
    gc.collect()


@pytest.fixture
async def made(secured_nodes: Nodes) -> Nodes:
    """With the topic, made by the one user that may."""
    await KafkaBus(as_user(secured_nodes, "migrate")).make(TOPIC)
    return secured_nodes


async def _all_of(consumer: Consumer) -> list[Received]:
    """Other tests write to the same topic."""
    found = list(await consumer.poll(100, 20.0))
    while more := await consumer.poll(100, 2.0):
        found += more
    return found


async def test_the_relay_writes_and_the_notifier_reads_and_neither_does_both(made: Nodes) -> None:
    relay, notifier = KafkaBus(as_user(made, "relay")), KafkaBus(as_user(made, "notifier"))
    await relay.demand(TOPIC, publishes=True)
    await notifier.demand(TOPIC, reads=True)
    consumer = await notifier.consumer(TOPIC)
    await relay.publish(TOPIC, [RECORD])
    assert RECORD.value in {received.value for received in await _all_of(consumer)}

    with pytest.raises(NotAllowed, match="lacks READ on topic draad.entries"):
        await relay.demand(TOPIC, publishes=True, reads=True)
    with pytest.raises(NotAllowed):
        await (await relay.consumer(TOPIC)).poll(10, 20.0)
    with pytest.raises(NotAllowed, match="lacks WRITE on topic draad.entries"):
        await notifier.demand(TOPIC, publishes=True)
    with pytest.raises(NotAllowed):
        await notifier.publish(TOPIC, [RECORD])
    other = KafkaBus(as_user(made, "relay"), producer="another")
    with pytest.raises(NotAllowed, match="transactional id another"):
        await other.demand(TOPIC, publishes=True)
    with pytest.raises(NotAllowed):
        await other.publish(TOPIC, [RECORD])
    for bus in (relay, notifier, other):
        await bus.close()


async def test_a_stranger_does_not_learn_that_the_topic_is_there(made: Nodes) -> None:
    stranger = KafkaBus(as_user(made, "stranger"))
    with pytest.raises(TopicMissing, match="or this user may not know of it"):
        await stranger.demand(TOPIC, reads=True)
    with pytest.raises(TopicMissing):
        await stranger.consumer(TOPIC)
    with pytest.raises(NotAllowed):
        await stranger.publish(TOPIC, [RECORD])
    with pytest.raises(NotAllowed):
        await stranger.make("draad.other")
    await stranger.close()


async def test_what_keeps_us_out_is_said_in_words_and_without_a_secret(
    secured_nodes: Nodes, kafka: Cluster, tmp_path: Path
) -> None:
    right = as_user(secured_nodes, "relay")
    (tmp_path / "not.pem").write_text("no certificate")
    with own_nodes(secured=True) as another:
        assert another.secured is not None
        wrong: dict[type[KafkaTrouble], tuple[Cluster, str]] = {
            NotLoggedIn: (replace(right, password="4-wrong-secret"), "DRAAD_KAFKA_PASSWORD_FILE"),
            NotReceived: (replace(right, user=None, password=None), "set DRAAD_KAFKA_USER"),
            NotInClear: (Cluster(right.servers), "set DRAAD_KAFKA_CA_FILE"),
            NotTrusted: (
                replace(right, ca_file=another.secured.ca_file),
                "in DRAAD_KAFKA_CA_FILE, or is for",
            ),
            NoTls: (replace(right, servers=kafka.servers), "name its TLS port"),
        }
        wrongly = [(kind, cluster, words) for kind, (cluster, words) in wrong.items()]
        for file in ("is.not.there", "not.pem", "."):
            wrongly.append((NoAuthority, replace(right, ca_file=tmp_path / file), "DRAAD_KAFKA_CA_FILE"))
        for kind, cluster, words in wrongly:
            with pytest.raises(kind, match=words) as trouble:
                await KafkaBus(cluster).demand(TOPIC)
            _assert_no_secret(trouble.value, secured_nodes)
            with pytest.raises(kind):
                await KafkaBus(cluster).publish(TOPIC, [RECORD])
    assert "4-wrong-secret" not in repr(wrong)


def _assert_no_secret(error: BaseException | None, nodes: Nodes) -> None:
    assert nodes.secured is not None
    while error is not None:
        told = f"{error!r} {error}"
        assert not [one for one in (*nodes.secured.passwords.values(), "4-wrong-secret") if one in told]
        error = error.__cause__ or error.__context__
