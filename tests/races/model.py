"""A model of PostgreSQL for races on one dossier: two advisory locks, and what each statement sees at READ COMMITTED.

It runs the production coroutines (Gate, Handler, Keyrings) without an event loop: each call to the database is a point
at which the task stops, and a lock that is held makes it wait in line, as PostgreSQL does. The statements are not
parsed: it knows the few that a read, a delivery and a withdrawal send, by their text, and refuses any other. That it
behaves as PostgreSQL does is tested: the same schedules give the same traces and the same answers on both.

`isolation` plants the fault of a snapshot that is taken before the lock is waited for.
"""

from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from types import TracebackType
from typing import Any, Literal, cast

from services.dossier.gate import facts, ledger
from services.dossier.store import append, streams
from services.foundation.database.connection import Database, Lock
from tests.races.world import DOSSIER, NOW

Isolation = Literal["read committed", "repeatable read"]
Row = dict[str, Any]
GRANT = (
    "consent_id",
    "grant_event",
    "grantee",
    "grantee_person",
    "granted",
    "event_types",
    "operations",
    "purpose",
    "basis",
    "legal_ref",
    "history",
    "valid_from",
    "valid_until",
    "referral_id",
    "ended_at",
    "purpose_ends_at",
)
ENTRY = (
    "sequence",
    "event_id",
    "source",
    "class",
    "neutral_type",
    "classes",
    "sealed",
    "mac",
    "type",
    "usual_class",
    "occurred_at",
    "writer",
    "writer_organisation",
    "relation",
    "addressee",
    "party",
    "party_person",
    "applicant",
    "offered_to",
    "about",
    "thin",
)
LISTS = ("classes", "relation")
# Written by a withdrawal, and read by nothing that is raced: the history is short, so it is folded whole.
NEVER_READ = ("delete from dossier.timers", "insert into dossier.timers", "insert into dossier.snapshots")
EPOCH = "select authz_epoch from dossier.dossiers where id = $1"
NO_ENTRY: Row = dict.fromkeys((*ENTRY, "recorded_at", "offer_closed_at", "withheld"))
NAMES = {
    facts.ONE: "facts",
    facts.PLACE: "place",
    facts.PLACES_OF_EACH: "places",
    facts.THESE: "entries",
    facts.OF_SEVERAL: "those",
    ledger.PERMITTED: "ledger",
    ledger.PERMITTED_EACH: "ledger",
    ledger.REFUSED_UNKNOWN: "ledger",
    streams.HEAD: "head",
    append.INSERT: "insert",
    EPOCH: "epoch",
}


def name_of(sql: str) -> str:
    """A statement's point, by its text; on both stages the same."""
    if sql in NAMES:
        return NAMES[sql]
    words = sql.split()
    if words[0] == "begin":
        return "begin"
    return " ".join(words[:3]) if words[0] in ("insert", "delete") else words[0]


@dataclass(frozen=True)
class State:
    """What is committed, of one dossier."""

    dossier: Row | None = None
    owner: str | None = None
    grants: tuple[Row, ...] = ()
    entries: tuple[Row, ...] = ()
    ledger: tuple[Row, ...] = ()


class _Point:
    """Where a task stops; `name` absent: it waits for a lock."""

    def __init__(self, name: str | None) -> None:
        self.name = name

    def __await__(self) -> Generator["_Point", None, None]:
        yield self


class Locks:
    """Advisory locks, with PostgreSQL's line: who comes later does not pass who waits for what excludes it."""

    def __init__(self) -> None:
        self.held: list[tuple[object, Lock]] = []
        self.line: list[tuple[object, Lock]] = []

    def ask(self, who: object, lock: Lock) -> None:
        self.line.append((who, lock))
        self._give()

    def has(self, who: object, lock: Lock) -> bool:
        return (who, lock) in self.held

    def release_all(self, who: object) -> None:
        self.held = [entry for entry in self.held if entry[0] is not who]
        self._give()

    def _give(self) -> None:
        waiting: list[tuple[object, Lock]] = []
        for who, lock in self.line:
            before = [other for holder, other in self.held if holder is not who] + [other for _, other in waiting]
            if any(o.key == lock.key and not (o.shared and lock.shared) for o in before):
                waiting.append((who, lock))
            else:
                self.held.append((who, lock))
        self.line = waiting


@dataclass
class Model:
    """Shared by all transactions. `commits` numbers what was committed, in order."""

    isolation: Isolation = "read committed"
    state: State = field(default_factory=State)
    locks: Locks = field(default_factory=Locks)

    def transaction(self, *locks: Lock, lock_timeout: float = 0) -> "Transaction":
        return Transaction(self, locks)

    def connection(self) -> "Transaction":
        return Transaction(self, None)

    def database(self) -> Database:
        return cast(Database, self)


class Transaction:
    """A connection and its transaction at once; without `locks` each statement commits by itself."""

    def __init__(self, model: Model, locks: Sequence[Lock] | None) -> None:
        self._model, self._locks = model, locks
        self._writes: list[Any] = []
        self._snapshot: State | None = None

    async def __aenter__(self) -> "Transaction":
        if self._locks is None:
            return self
        await _Point("begin")
        if self._model.isolation == "repeatable read":
            self._snapshot = self._model.state
        for lock in self._locks:
            self._model.locks.ask(self, lock)
            while not self._model.locks.has(self, lock):
                await _Point(None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._locks is None:
            return
        await _Point("commit" if kind is None else "rollback")
        if kind is None:
            self._model.state = reduce(lambda state, write: write(state), self._writes, self._model.state)
        self._model.locks.release_all(self)

    def _sees(self) -> State:
        return reduce(lambda state, write: write(state), self._writes, self._snapshot or self._model.state)

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        await _Point(name_of(sql))
        state = self._sees()
        match NAMES.get(sql):
            case "facts":
                found = [entry for entry in state.entries if entry["event_id"] == values[3]]
                return [place | (found[0] if found else NO_ENTRY) for place in _places(state, values[2])]
            case "place":
                return _places(state, values[2])
            case "places":
                return [row | {"n": n} for n, to in enumerate(values[2], start=1) for row in _places(state, to)]
            case "those":
                return [e | {"dossier_id": _ID} for e in state.entries if e["sequence"] in values[1]]
            case "entries":
                return [entry for entry in state.entries if entry["sequence"] in values[1]]
            case "head":
                return _head(state, values[2])
        raise NotImplementedError(sql)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        await _Point(name_of(sql))
        dossier = self._sees().dossier
        match NAMES.get(sql):
            case "epoch":
                return None if dossier is None else dossier["authz_epoch"]
            case "insert":
                return self._insert(values)
        raise NotImplementedError(sql)

    async def execute(self, sql: str, *values: Any) -> None:
        await _Point(name_of(sql))
        if sql == ledger.PERMITTED:
            row = {"actor": values[2], "way": values[9], "decision": values[10]}
            self._writes.append(lambda state: replace(state, ledger=(*state.ledger, row)))
        elif sql == ledger.PERMITTED_EACH:
            for actor, way in zip(values[2], values[9], strict=True):
                row = {"actor": actor, "way": way, "decision": "permit"}
                self._writes.append(lambda state, row=row: replace(state, ledger=(*state.ledger, row)))
        elif "insert into dossier.owners" in sql:
            self._writes.append(lambda state: replace(state, owner=values[1]))
        elif not any(written in sql for written in NEVER_READ):
            raise NotImplementedError(sql)

    async def executemany(self, sql: str, rows: Sequence[Any]) -> None:
        await _Point(name_of(sql))
        if "insert into dossier.index_grants" in sql:
            for row in rows:
                grant = dict(zip(GRANT, row[1:], strict=True))
                self._writes.append(lambda state, grant=grant: _with_grant(state, grant))
        elif not any(written in sql for written in NEVER_READ):
            raise NotImplementedError(sql)

    def _insert(self, values: tuple[Any, ...]) -> int | None:
        columns, (head, raises, at, expected) = values[1:22], values[22:26]
        entries = []
        for row in zip(*columns, strict=True):
            entry = dict(zip(ENTRY, row, strict=True))
            lists = {name: entry[name].split(append.SEPARATOR) for name in LISTS if entry[name] is not None}
            entries.append(entry | lists | {"recorded_at": at, "offer_closed_at": None, "withheld": False})
        now = self._sees().dossier
        if now is not None and now["head"] != expected:
            return None
        epoch: int = 0 if now is None else now["authz_epoch"] + raises
        dossier = {"head": head, "authz_epoch": epoch, "recorded_at": at}
        self._writes.append(lambda s: replace(s, dossier=dossier, entries=(*s.entries, *entries)))
        return epoch


def _with_grant(state: State, grant: Row) -> State:
    others = tuple(g for g in state.grants if g["consent_id"] != grant["consent_id"])
    return replace(state, grants=(*others, grant))


def _places(state: State, organisation: str | None) -> list[Row]:
    dossier = state.dossier
    assert dossier is not None, "races here are on a dossier that exists"
    place = {
        "id": _ID,
        "erased_at": None,
        "now": NOW,
        "owner": state.owner,
        "contact": [],
        "delegated": [],
        "authz_epoch": dossier["authz_epoch"],
        "head": dossier["head"],
    }
    grants = [grant for grant in state.grants if grant["grantee"] == organisation]
    return [place | grant for grant in grants] or [place | dict.fromkeys(GRANT)]


def _head(state: State, event_ids: Sequence[Any]) -> list[Row]:
    dossier = state.dossier or dict.fromkeys(("head", "authz_epoch", "recorded_at"))
    first = {
        "id": _ID if state.dossier else None,
        "head": dossier["head"],
        "authz_epoch": dossier["authz_epoch"],
        "erased_at": None,
        "last_recorded_at": dossier["recorded_at"],
        "now": NOW,
        "owner": state.owner,
        "snapshot_at": None,
        "timers": (),
        "snapshot": None,
        "has_repeats": any(entry["event_id"] in event_ids for entry in state.entries),
    }
    return [first | entry for entry in state.entries] or [first | NO_ENTRY]


class _Id:
    """The dossier's id, as asyncpg gives one: all that is asked of it is its number."""

    int = DOSSIER.int


_ID = _Id()


class ModelStage:
    """Runs coroutines by hand, without an event loop."""

    def __init__(self, tasks: dict[str, Coroutine[Any, None, Any]]) -> None:
        self.trace: list[tuple[str, str]] = []
        self._tasks, self._at, self._results = tasks, dict[str, str | None](), dict[str, Any]()
        for task in sorted(tasks):
            self._advance(task)

    def ready(self) -> list[str]:
        return sorted(task for task, point in self._at.items() if point is not None)

    async def go_on(self, task: str) -> None:
        point = self._at[task]
        assert point is not None
        self.trace.append((task, point))
        self._advance(task)
        while any([self._advance(other) for other, at in sorted(self._at.items()) if at is None]):
            pass

    def results(self) -> dict[str, Any]:
        assert self._results.keys() == self._tasks.keys(), f"stuck: {self._at}"
        return self._results

    def _advance(self, task: str) -> bool:
        """Whether it got further than waiting for a lock."""
        try:
            self._at[task] = self._tasks[task].send(None).name
            return self._at[task] is not None
        except StopIteration as end:
            self._results[task] = end.value
        except Exception as error:
            self._results[task] = error
        del self._at[task]
        return True


def run_through(coroutine: Coroutine[Any, None, Any]) -> Any:
    """Alone, from begin to end."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value
