"""What may stand in clear, table by table and column by column (design §5): a column that is not here fails the test.

The kinds say what a column may hold: an id, a moment, a number, a flag; the key of a party or words of a closed list;
the `source` of an event; bytes that are sealed, hashed or wrapped; a thin event; and, in `index_grants` alone, what a
grant says of itself. `address`: of a receiver; `public`: the public half of a key. `sandbox`: invented by whoever set
the scene, or by the machine, and about no dossier.
"""

from typing import Final

ID, MOMENT, NUMBER, FLAG = "id", "moment", "number", "flag"
PARTY, WORD, SOURCE, SEALED, THIN, GRANT, SANDBOX = "party", "word", "source", "sealed", "thin", "grant", "sandbox"
ADDRESS, PUBLIC = "address", "public"

_ROW: Final = {"dossier_id": ID, "sequence": NUMBER}

MAIN: Final[dict[str, dict[str, str]]] = {
    # Append-only: no content in clear
    "dossier.dossiers": {
        "id": ID,
        "number": NUMBER,
        "head": NUMBER,
        "authz_epoch": NUMBER,
        "recorded_at": MOMENT,
        "erased_at": MOMENT,
    },
    "dossier.events": _ROW
    | {
        "event_id": ID,
        "source": SOURCE,
        "recorded_at": MOMENT,
        "class": WORD,
        "neutral_type": WORD,
        "classes": WORD,
        "sealed": SEALED,
        "mac": SEALED,
    },
    "dossier.outbox": _ROW | {"pos": NUMBER, "event": THIN, "position": NUMBER, "published_at": MOMENT},
    "dossier.ledger": {
        "id": NUMBER,
        "dossier_id": ID,
        "at": MOMENT,
        "actor": PARTY,
        "organisation": PARTY,
        "role": WORD,
        "purpose": WORD,
        "basis": WORD,
        "event_ids": ID,
        "classes": WORD,
        "way": WORD,
        "decision": WORD,
        "reason": WORD,
    },
    "dossier.refusals": {
        "id": NUMBER,
        "dossier_id": ID,
        "at": MOMENT,
        "actor": PARTY,
        "organisation": PARTY,
        "role": WORD,
        "event_ids": ID,
        "way": WORD,
        "reason": WORD,
    },
    # Whose it is, and how it becomes theirs
    "dossier.owners": {"dossier_id": ID, "person": PARTY},
    "dossier.claims": {"code_hash": SEALED, "dossier_id": ID, "expires_at": MOMENT, "redeemed_at": MOMENT},
    "dossier.claim_tries": {"person": PARTY, "day": MOMENT, "failed": NUMBER},
    "dossier.parameters": {"name": WORD, "value": SANDBOX},
    # About a region: what it decided, in words for everybody
    "dossier.regional_events": {
        "number": NUMBER,
        "region": WORD,
        "event_id": ID,
        "source": SOURCE,
        "type": WORD,
        "data": SANDBOX,
        "recorded_at": MOMENT,
        "actor": PARTY,
        "organisation": PARTY,
    },
    # Derived from all classes: sealed
    "dossier.snapshots": _ROW | {"code_version": NUMBER, "sealed": SEALED},
    "dossier.histories": _ROW | {"version": NUMBER, "sealed": SEALED},
    "dossier.outlooks": _ROW | {"made_by": NUMBER, "owner": PARTY, "sealed": SEALED},
    "dossier.timers": {
        "id": ID,
        "dossier_id": ID,
        "due_at": MOMENT,
        "sealed": SEALED,
        "failures": NUMBER,
        "retry_at": MOMENT,
    },
    # Deletable, rebuilt from events
    "dossier.index_entries": _ROW
    | {
        "type": WORD,
        "usual_class": WORD,
        "occurred_at": MOMENT,
        "person": PARTY,
        "organisation": PARTY,
        "relation": PARTY,
        "addressee": PARTY,
        "party": PARTY,
        "party_person": PARTY,
        "applicant": PARTY,
        "offered_to": PARTY,
        "offer_closed_at": MOMENT,
        "withheld": FLAG,
        "about": NUMBER,
    },
    "dossier.index_grants": {
        "dossier_id": ID,
        "consent_id": GRANT,
        "event_id": ID,
        "organisation": PARTY,
        "person": PARTY,
        "classes": WORD,
        "event_types": GRANT,
        "operations": WORD,
        "purpose": WORD,
        "basis": WORD,
        "legal_ref": GRANT,
        "history": WORD,
        "valid_from": MOMENT,
        "valid_until": MOMENT,
        "referral_id": GRANT,
        "ended_at": MOMENT,
        "purpose_ends_at": MOMENT,
    },
    "dossier.index_contacts": _ROW | {"ordinal": NUMBER, "person": PARTY, "from_at": MOMENT, "until_at": MOMENT},
    "dossier.index_delegates": {
        "dossier_id": ID,
        "ordinal": NUMBER,
        "person": PARTY,
        "powers": WORD,
        "from_at": MOMENT,
        "until_at": MOMENT,
    },
    # The backbone and the bus
    "events.relay": {"shard": WORD, "next_position": NUMBER},
    "bus.topics": {"topic": WORD, "partitions": NUMBER},
    "bus.partitions": {"topic": WORD, "partition": NUMBER, "first_offset": NUMBER, "next_offset": NUMBER},
    "bus.entries": {
        "topic": WORD,
        "partition": NUMBER,
        "offset": NUMBER,
        "key": ID,
        "value": THIN,
        "headers": THIN,
        "published_at": MOMENT,
    },
    # Feeds, deliveries, lanes
    "notifications.subscriptions": {
        "id": ID,
        "owner": PARTY,
        "organisation": PARTY,
        "person": PARTY,
        "roles": WORD,
        "channel": WORD,
        "types": WORD,
        "dossiers": ID,
        "created_at": MOMENT,
        "position": NUMBER,
        "is_ready": FLAG,
        "last_ordinal": NUMBER,
    },
    "notifications.deliveries": _ROW
    | {
        "subscription_id": ID,
        "place": NUMBER,
        "replay": FLAG,
        "state": WORD,
        "ordinal": NUMBER,
        "number": NUMBER,
        "is_read": FLAG,
        "attempts": NUMBER,
        "attempted_at": MOMENT,
        "accepted_at": MOMENT,
        "status": NUMBER,
        "reason": WORD,
    },
    "notifications.lanes": {
        "subscription_id": ID,
        "dossier_id": ID,
        "owner": PARTY,
        "is_waiting": FLAG,
        "due_at": MOMENT,
        "attempt": NUMBER,
        "failures": NUMBER,
        "last_number": NUMBER,
        "parked_at": MOMENT,
        "reason": WORD,
        "way": WORD,
        "retry_at": MOMENT,
    },
    # Where an owner wants to be told: about no dossier, and never with a user, a password or a query
    "notifications.webhooks": {
        "subscription_id": ID,
        "owner": PARTY,
        "endpoint": ADDRESS,
        "state": WORD,
        "reason": WORD,
        "failures": NUMBER,
        "failing_since": MOMENT,
        "not_before": MOMENT,
        "rate": NUMBER,
    },
    "notifications.webhook_keys": {
        "id": ID,
        "subscription_id": ID,
        "scheme": WORD,
        "public": PUBLIC,
        "sealed": SEALED,
        "created_at": MOMENT,
        "ends_at": MOMENT,
    },
    "notifications.offsets": {"consumer": WORD, "partition": NUMBER, "next_offset": NUMBER},
    "notifications.streams": {"consumer": WORD, "dossier_id": ID, "last_sequence": NUMBER, "blocked_at": MOMENT},
    "notifications.parked": {
        "consumer": WORD,
        "partition": NUMBER,
        "offset": NUMBER,
        "key": ID,
        "sequence": NUMBER,
        "value": THIN,
        "reason": WORD,
        "parked_at": MOMENT,
    },
    # Parties and the clock: about no dossier
    "foundation.organisations": {
        "key": PARTY,
        "kind": WORD,
        "name": SANDBOX,
        "sources": SOURCE,
        "issuer": SANDBOX,
        "claim_values": SANDBOX,
    },
    "foundation.participant_issuers": {"issuer": SANDBOX, "sources": SOURCE, "clients": SANDBOX},
    "foundation.people": {
        "key": PARTY,
        "organisation": PARTY,
        "roles": WORD,
        "sources": SOURCE,
        "name": SANDBOX,
        "email": SANDBOX,
    },
    "foundation.subjects": {"issuer": SANDBOX, "subject": SANDBOX, "person": PARTY},
    "foundation.machines": {
        "issuer": SANDBOX,
        "subject": SANDBOX,
        "client": SANDBOX,
        "organisation": PARTY,
        "roles": WORD,
    },
    "foundation.sandbox_clock": {"single": FLAG, "now": MOMENT},
}

KEYS: Final[dict[str, dict[str, str]]] = {
    "keys.dossier_keys": {"dossier_id": ID, "version": NUMBER, "wrapped": SEALED, "created_at": MOMENT},
    "keys.class_keys": {"dossier_id": ID, "class": WORD, "version": NUMBER, "wrapped": SEALED},
    "keys.destroyed": {"dossier_id": ID, "destroyed_at": MOMENT},
}

# Alembic's own: which migration a schema stands at.
VERSIONS: Final = {"version_num": WORD}
