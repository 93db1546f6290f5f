"""What is wrong between us and Kafka, in words that say what to do; no password and no content is ever in them."""

from kafka import errors


class KafkaTrouble(Exception):
    """Kafka did not do what was asked."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(" ".join(filter(None, ((self.__doc__ or "").strip(), detail))))


class Unreachable(KafkaTrouble):
    """No Kafka answers there: start it, or correct DRAAD_KAFKA or --kafka."""


class NotInClear(KafkaTrouble):
    """Something answers there, but not as a Kafka in clear: if it wants TLS, set DRAAD_KAFKA_CA_FILE."""


class NotTrusted(KafkaTrouble):
    """The certificate of Kafka was not made by the authority in DRAAD_KAFKA_CA_FILE, or is for another host."""


class NoAuthority(KafkaTrouble):
    """DRAAD_KAFKA_CA_FILE names no file that can be read, or none with certificates in PEM."""


class NoTls(KafkaTrouble):
    """Kafka does not speak TLS there: name its TLS port, or leave out DRAAD_KAFKA_CA_FILE on a network of your own."""


class NotReceived(KafkaTrouble):
    """Kafka speaks TLS there and says no more: if it asks who comes, set DRAAD_KAFKA_USER; or it is still starting."""


class NotLoggedIn(KafkaTrouble):
    """Kafka refuses this user and password: correct DRAAD_KAFKA_USER and DRAAD_KAFKA_PASSWORD_FILE (SCRAM-SHA-512)."""


class TopicMissing(KafkaTrouble):
    """The topic is not there, or this user may not know of it: run `draad migrate` with the same settings."""


class NotAllowed(KafkaTrouble):
    """Kafka does not allow this user to do that: give it the rights that deploy/kafka/README.md lists."""


class Fenced(KafkaTrouble):
    """Another process publishes under this transactional id: this one stopped, and nothing of its batch was kept."""


class Unanswered(KafkaTrouble):
    """Kafka did not answer in time: what was being published may have been kept all the same."""


class Stalled(KafkaTrouble):
    """There is more to read than was read, and nothing comes: the client has lost its way to a broker."""


_KINDS: tuple[tuple[tuple[type[Exception], ...], type[KafkaTrouble]], ...] = (
    ((errors.ProducerFencedError, errors.InvalidProducerEpochError), Fenced),
    ((errors.SaslAuthenticationFailedError,), NotLoggedIn),
    (
        (
            errors.TopicAuthorizationFailedError,
            errors.TransactionalIdAuthorizationFailedError,
            errors.ClusterAuthorizationFailedError,
            errors.GroupAuthorizationFailedError,
        ),
        NotAllowed,
    ),
    ((errors.UnknownTopicOrPartitionError,), TopicMissing),
    ((errors.KafkaTimeoutError, errors.RequestTimedOutError), Unanswered),
)


def in_words(error: BaseException) -> KafkaTrouble:
    """The trouble that this error of the client is."""
    if isinstance(error, KafkaTrouble):
        return error
    for kinds, trouble in _KINDS:
        # Once a producer is lost it says so of every call, in a general error that only names the first one.
        if isinstance(error, kinds) or any(f"{kind.__name__}" in str(error) for kind in kinds):
            return trouble()
    return KafkaTrouble(f"{type(error).__name__}.")
