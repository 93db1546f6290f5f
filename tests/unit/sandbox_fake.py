"""A sandbox in memory for tests of its clients: enough of the gate to live the public trajectories, and a script."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.sandbox.client import Answer
from services.sandbox.lives import CIVIL

FIELD_CLASSES = {
    "wage_gross_month_eur": "income",
    "legal_regime": "income",
    "benefit_kept": "income",
    "amount_eur": "income",
    "income_floor_month_eur": "income",
    "health_remark": "health-sensitive",
    "support_needs": "health-sensitive",
    "target_group_register": "health-sensitive",
    "private_note": "health-sensitive",
    "worried_about": "health-sensitive",
}
EMPLOYER_TYPES = (
    "self-manual.shared",
    "trial-placement.",
    "placement.",
    "team-briefing",
    "jobcoach.",
    "scheme.",
    "match",
)
NOT_FOUND = Answer(404, {"status": 404, "title": "Not found"})
Event = dict[str, Any]


def _problem(status: int, rule: str | None = None) -> Answer:
    return Answer(status, {"status": status, "detail": "no"} | ({"rule": rule} if rule else {}))


@dataclass
class Dossier:
    owner: str
    events: list[tuple[str, Event]] = field(default_factory=list)  # (actor, event)
    over: dict[str, datetime] = field(default_factory=dict)  # employer → when the relation ended


class FakeSandbox:
    """Answers like a sandbox; `instead` overrides the answer to (method, end of the path, token)."""

    def __init__(self) -> None:
        self.now = datetime(2000, 1, 1, tzinfo=UTC)
        self.actors: dict[str, dict[str, str]] = {}
        self.kinds: dict[str, str] = {}
        self.dossiers: dict[str, Dossier] = {}
        self.deliveries: dict[str, list[dict[str, Any]]] = {}
        self.instead: dict[tuple[str, str, str | None], Answer] = {}
        self.refused: dict[str, tuple[int, str | None]] = {}  # id of an event that must be refused

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        for (wanted, end, who), answer in self.instead.items():
            if method == wanted and path.endswith(end) and who in (None, token):
                return answer
        place, _, query = path.partition("?")
        match method, place.split("/")[1:]:
            case "GET", ["sandbox", "clock"]:
                return Answer(200, {"now": self.now.isoformat()})
            case "PUT", ["sandbox", "clock"]:
                return self._set(datetime.fromisoformat(body["now"]))
            case "POST", ["sandbox", "scenes"]:
                return self._scene(body)
            case "GET", ["v1", "event-types"]:
                named = {"title": "Placement started", "title_nl": "Plaatsing gestart"}
                return Answer(200, {"items": [{"type": "nl.dossier.placement.started"} | named], "next": "1"})
            case "POST", ["v1", "subscriptions"]:
                self.deliveries[str(token)] = []
                return Answer(201, {"id": token})
            case "GET", ["v1", "subscriptions", id_, "deliveries"]:
                return self._page(self.deliveries[id_], query)
            case "POST", ["v1", "dossiers", id_, "events"]:
                return self._post(id_, str(token), body)
            case "GET", ["v1", "dossiers", id_, "events", *event_id]:
                shown = [self._shown(id_, str(token), *entry) for entry in self.dossiers[id_].events]
                prefix = query.removeprefix("type=").rstrip("*") if query.startswith("type=") else ""
                events = [event for event in shown if event and f"nl.dossier.{prefix}" in event["type"]]
                return self._page(events, query) if not event_id else self._one(events, event_id[0])
        return NOT_FOUND

    @staticmethod
    def _one(events: list[Event], event_id: str) -> Answer:
        return next((Answer(200, event) for event in events if event["id"] == event_id), NOT_FOUND)

    @staticmethod
    def _page(items: list[Any], query: str) -> Answer:
        after = int(query.removeprefix("after=")) if query.startswith("after=") else 0
        return Answer(200, {"items": items[after:], "next": str(len(items))})

    def _scene(self, scene: dict[str, Any]) -> Answer:
        self.actors |= {actor["key"]: actor for actor in scene["actors"]}
        self.kinds |= {org["key"]: org["kind"] for org in scene["organisations"]}
        owner = next(actor["key"] for actor in scene["actors"] if actor["role"] == "P")
        self.dossiers[scene["dossier_id"]] = Dossier(owner)
        return Answer(201, {"tokens": {actor["key"]: actor["key"] for actor in scene["actors"]}})

    def _set(self, now: datetime) -> Answer:
        if now < self.now:
            return _problem(409)
        self.now = now
        for id_, dossier in self.dossiers.items():
            for grant in self._grants(id_):
                over = dossier.over.get(grant["grantee_org"])
                due = min(datetime.fromisoformat(grant["valid_until"]), over or datetime.max.replace(tzinfo=UTC))
                if due <= now and (grant["purpose"] == "placement" or due != over):
                    self._expire(id_, grant["consent_id"], due)
        return Answer(200, {"now": now.isoformat()})

    def _expire(self, id_: str, consent_id: str, due: datetime) -> None:
        data = {"consent_id": consent_id, "expired_at": due.isoformat(), "occurred_at": due.isoformat()}
        event = {"id": f"x-{id_[:4]}-{consent_id}", "type": "nl.dossier.consent.expired", "time": due.isoformat()}
        self._store(id_, "platform", event | {"privacyclass": "identity", "source": "urn:x", "data": data})

    def _post(self, id_: str, actor: str, event: Event) -> Answer:
        dossier = self.dossiers[id_]
        if event["id"] in self.refused:
            return _problem(*self.refused[event["id"]])
        for writer, stored in dossier.events:
            if stored["id"] == event["id"]:
                return Answer(200, self._shown(id_, actor, writer, stored))
        self._store(id_, actor, event)
        return Answer(201, self._shown(id_, actor, actor, event))

    def _store(self, id_: str, actor: str, event: Event) -> None:
        dossier, data = self.dossiers[id_], event["data"]
        party = self._party(id_, data.get("consent_id"))
        dossier.events.append((actor, event))
        if event["type"].endswith("placement.ended"):
            day = datetime.fromisoformat(data["ended_on"]).replace(tzinfo=CIVIL) + timedelta(days=15)
            dossier.over[self.actors[actor]["org"]] = day
        elif event["type"].endswith("placement.started"):
            dossier.over.pop(self.actors[actor]["org"], None)
        for reader, whole in self.deliveries.items():
            org = self.actors[reader]["org"]
            notice = event["type"].startswith("nl.dossier.consent.") and party == org
            grants = [grant for grant in self._live(id_, reader) if "subscribe" in grant["operations"]]
            covered = any(_covers(grant, event) for grant in grants)
            if notice or (covered and self._shown(id_, reader, actor, event)):
                whole.append({"event": {"id": event["id"]}, "state": "delivered"})
            if event["type"].endswith("consent.granted") and data in grants and data["history"] == "all":
                had = {item["event"]["id"] for item in whole}
                earlier = [e for _, e in dossier.events if e["id"] not in had and _covers(data, e)]
                whole.extend({"event": {"id": e["id"]}, "state": "delivered", "replay": True} for e in earlier)

    def _party(self, id_: str, consent_id: str | None) -> str | None:
        given = (e["data"] for _, e in self.dossiers[id_].events if e["type"].endswith("consent.granted"))
        return next((data["grantee_org"] for data in given if data["consent_id"] == consent_id), None)

    def _grants(self, id_: str) -> list[dict[str, Any]]:
        held: dict[str, dict[str, Any]] = {}
        for _, event in self.dossiers[id_].events:
            match event["type"].removeprefix("nl.dossier.consent."):
                case "granted":
                    held[event["data"]["consent_id"]] = event["data"]
                case "revoked" | "expired":
                    held.pop(event["data"]["consent_id"], None)
        return list(held.values())

    def _live(self, id_: str, reader: str) -> list[dict[str, Any]]:
        org = self.actors[reader]["org"]
        mine = (g for g in self._grants(id_) if g["grantee_org"] == org and g.get("grantee_actor") in (None, reader))
        return [grant for grant in mine if datetime.fromisoformat(grant["valid_from"]) <= self.now]

    def _shown(self, id_: str, reader: str, writer: str, event: Event) -> Event | None:
        """The event as this reader may have it: whole, with keys left out, or not at all."""
        if reader in (self.dossiers[id_].owner, writer) and reader == self.dossiers[id_].owner:
            return event
        live, me = self._live(id_, reader), self.actors[reader]
        if not live:
            return event if reader == writer and event["type"].endswith("dossier.opened") else None
        short, org = event["type"].removeprefix("nl.dossier."), me["org"]
        if short.startswith("consent."):
            named = self._party(id_, event["data"].get("consent_id")) == org and not short.endswith("revoked")
            return event if me["role"] == "FC" or named else None
        if event["data"].get("recipient_org", org) != org and me["role"] != "FC":
            return None
        if self.actors[writer]["org"] == org or (short.endswith(".decided") and self.kinds[org] == "employer"):
            return event
        employer = self.kinds[org] in ("employer", "pool")
        elsewhere = event["data"].get("employer_org", org) != org or not short.startswith(EMPLOYER_TYPES)
        covering = [grant for grant in live if _covers(grant, event)]
        if not covering or (employer and (elsewhere or event["privacyclass"] in ("health-sensitive", "income"))):
            return None
        classes = {"work"} if employer else {each for grant in covering for each in grant["classes"]}
        data = {k: v for k, v in event["data"].items() if FIELD_CLASSES.get(k, "work") in classes | {"work"}}
        return event | {"data": data}


def _covers(grant: dict[str, Any], event: Event) -> bool:
    types = grant.get("event_types") or ["*"]
    return (
        event["privacyclass"] in grant["classes"]
        and any(event["type"] == t or (t.endswith("*") and event["type"].startswith(t[:-1])) for t in types)
        and (grant["history"] == "all" or event["data"]["occurred_at"] >= grant["valid_from"])
    )
