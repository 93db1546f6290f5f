"""Which Kafka, how to come in, and what has to be there: settings of its clients, and the topics themselves."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from kafka import errors
from kafka.admin import KafkaAdminClient

from services.foundation.bus.kafka.entrance import demand_entrance
from services.foundation.bus.kafka.login import MECHANISM
from services.foundation.bus.kafka.trouble import (
    KafkaTrouble,
    NotAllowed,
    NotInClear,
    NotReceived,
    TopicMissing,
    in_words,
)
from services.foundation.bus.port import PARTITIONS, RETENTION

CONNECT_WITHIN_MS: Final = 8_000
RETENTION_MS: Final = RETENTION // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Cluster:
    """`ca_file` means TLS; `user` and `password` mean SCRAM-SHA-512 inside it."""

    servers: tuple[str, ...]
    ca_file: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def enter(self, client: Callable[..., Any], **settings: Any) -> Any:
        """A client of this cluster; blocks for some seconds at most. Raises KafkaTrouble where it cannot come in."""
        demand_entrance(self.servers, self.ca_file, self._login)
        try:
            return client(**self._usual(), **settings)
        except errors.KafkaError as error:  # which says only that it could not
            raise (NotInClear if self.ca_file is None else NotReceived)() from error

    @property
    def _login(self) -> tuple[str, str] | None:
        return None if self.user is None or self.password is None else (self.user, self.password)

    def _usual(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": list(self.servers),
            "client_id": "draad",
            "bootstrap_timeout_ms": CONNECT_WITHIN_MS,
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": 1_000,  # the usual 30 s would be waited after the broker is back
            "request_timeout_ms": 10_000,
            **self._security(),
        }

    def _security(self) -> dict[str, Any]:
        if self.ca_file is None:
            return {}
        if self.user is None:
            return {"security_protocol": "SSL", "ssl_cafile": str(self.ca_file)}
        return {
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.ca_file),
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }


def demand_topics(
    cluster: Cluster, *topics: str, rights: Collection[str] = (), transactional_id: str | None = None
) -> None:
    """Raises KafkaTrouble, which says what to do, unless these topics are there and may be used in these ways.

    `rights` are named as Kafka names them, READ and WRITE. Changes nothing, and blocks for some seconds at most.
    """
    with _Administrator(cluster) as admin:
        for topic in admin.describe_topics(list(topics)):
            fault = errors.for_code(topic["error_code"])
            if fault in (errors.TopicAuthorizationFailedError, errors.UnknownTopicOrPartitionError):
                raise TopicMissing(f"Topic {topic['name']}.")
            if fault is not errors.NoError:
                raise fault
            for right in sorted(set(rights) - set(topic["authorized_operations"])):
                raise NotAllowed(f"It lacks {right} on topic {topic['name']}.")
        if transactional_id is not None:
            _demand_transactions(admin, transactional_id)


def _demand_transactions(admin: Any, transactional_id: str) -> None:
    """Kafka tells only whether it may be described: whether it may be written shows when the first record leaves."""
    try:
        admin.describe_transactions([transactional_id])
    except (errors.TransactionalIdNotFoundError, errors.CoordinatorNotAvailableError):  # nothing was published yet
        return
    except errors.TransactionalIdAuthorizationFailedError as refused:
        raise NotAllowed(f"It lacks DESCRIBE and WRITE on transactional id {transactional_id}.") from refused


def make_topics(cluster: Cluster, *topics: str, partitions: int = PARTITIONS) -> None:
    """As they are when they are there already."""
    with _Administrator(cluster) as admin:
        there = set(admin.list_topics())
        nodes = len(admin.describe_cluster()["brokers"])
        for topic in topics:
            if topic not in there:
                _make(admin, topic, partitions, nodes)


def remove_topics(cluster: Cluster, *topics: str) -> None:
    with _Administrator(cluster) as admin:
        admin.delete_topics([topic for topic in topics if topic in set(admin.list_topics())])


def _make(admin: Any, topic: str, partitions: int, nodes: int) -> None:
    copies = min(3, nodes)
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": str(RETENTION_MS),
        "min.insync.replicas": str(max(1, copies - 1)),
        "unclean.leader.election.enable": "false",
    }
    try:
        admin.create_topics(
            {topic: {"num_partitions": partitions, "replication_factor": copies, "configs": settings}},
            wait_for_metadata=True,
        )
    except errors.TopicAlreadyExistsError:  # another did so at the same time
        return


class _Administrator:
    """Opened and closed around a few questions; what goes wrong is said in words."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __enter__(self) -> Any:
        self._kafka = self._cluster.enter(KafkaAdminClient)
        return self._kafka

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._kafka.close()
        if isinstance(error, errors.KafkaError) and not isinstance(error, KafkaTrouble):
            raise in_words(error) from error
