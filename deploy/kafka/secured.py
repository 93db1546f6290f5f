"""The other way to run nodes: TLS by an authority of their own, users with passwords (SCRAM), and rights (ACLs)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ADMIN: Final = "admin"
NODE: Final = "draad-node"
TOPIC: Final = "draad.entries"
TRANSACTIONS: Final = "draad.relay"
# Of each user: what it may do with the topic, and with the transactional id. README.md says the same.
RIGHTS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "migrate": (("CREATE", "DESCRIBE"), ()),
    "relay": (("WRITE", "DESCRIBE"), ("WRITE", "DESCRIBE")),
    "notifier": (("READ", "DESCRIBE"), ()),
    "all": (("READ", "WRITE", "DESCRIBE"), ("WRITE", "DESCRIBE")),
    "stranger": ((), ()),
}


@dataclass(frozen=True)
class Secured:
    """An authority, the certificate of the nodes, and a password for each user, all of them new and in one folder."""

    folder: Path
    passwords: Mapping[str, str] = field(repr=False)

    @classmethod
    def in_folder(cls, folder: Path) -> "Secured":
        folder.mkdir(mode=0o700, exist_ok=True)
        passwords = {user: token_urlsafe(18) for user in (ADMIN, *RIGHTS)}
        for user, password in passwords.items():
            (folder / f"{user}.password").touch(0o600)
            (folder / f"{user}.password").write_text(password)
        _certify(folder)
        return cls(folder, passwords)

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def settings(self) -> Mapping[str, object]:
        """Of every node. They know each other as controllers by their certificate, as brokers by a password."""
        login = f'ScramLoginModule required username="{ADMIN}" password="{self.passwords[ADMIN]}";'
        return {
            "listener.security.protocol.map": "CONTROLLER:SSL,CLIENTS:SASL_SSL",
            "inter.broker.listener.name": "CLIENTS",
            "listener.name.controller.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": f"org.apache.kafka.common.security.scram.{login}",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.folder / "node.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca_file,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:CN={NODE}",
            "allow.everyone.if.no.acl.found": "false",
        }

    def users(self) -> Iterable[str]:
        """As Kafka's formatter takes them: they must be there before a node starts for the first time."""
        for user, password in self.passwords.items():
            yield from ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")

    def client(self, user: str) -> dict[str, object]:
        """How a client of kafka-python comes in as this user."""
        return {
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.ca_file),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.passwords[user],
        }

    def give_rights(self, bootstrap: str, prefix: str = "") -> None:
        """Those of RIGHTS, and no others, to each user."""
        from kafka.admin import ACL, ACLOperation, ACLPermissionType, KafkaAdminClient, ResourcePattern, ResourceType

        wanted = []
        for user, (on_topic, on_transactions) in RIGHTS.items():
            for kind, name, operations in (
                (ResourceType.TOPIC, prefix + TOPIC, on_topic),
                (ResourceType.TRANSACTIONAL_ID, prefix + TRANSACTIONS, on_transactions),
            ):
                wanted += [
                    ACL(f"User:{user}", "*", ACLOperation[each], ACLPermissionType.ALLOW, ResourcePattern(kind, name))
                    for each in operations
                ]
        admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), **self.client(ADMIN))
        try:
            refused = admin.create_acls(wanted)["failed"]
        finally:
            admin.close()
        if refused:
            raise RuntimeError(f"Kafka refused {len(refused)} of these rights")


def _certify(folder: Path) -> None:
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _name("draad-test-authority")
    now = datetime.now(UTC)

    def certificate(name: x509.Name, of: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        local = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder(authority, name, of.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName(local), critical=False)
            .sign(authority_key, hashes.SHA256())
        )

    own = certificate(authority, authority_key, is_authority=True).public_bytes(Encoding.PEM)
    (folder / "ca.pem").write_bytes(own)
    (folder / "node.pem").touch(0o600)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "node.pem").write_bytes(
        private + certificate(_name(NODE), key, is_authority=False).public_bytes(Encoding.PEM) + own
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
