"""A receiver of webhooks that a test can hurt, in a thread of its own: what it keeps outlives each of its deaths."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tests.receivers import Behaviour, Got, Receiver, answer, hang, reset, status

Done = TypeVar("Done")
HOST: Final = "127.0.0.1"
ALL_THAT_CAME: Final = 20  # turns of its loop: to be accepted, read, woken and recorded takes fewer


@dataclass(frozen=True)
class Arrival:
    """One request that came whole, at the hook of one reader."""

    hook: str
    webhook_id: str
    event: str
    dossier: str
    number: int

    @classmethod
    def of(cls, got: Got) -> "Arrival":
        event = got.event
        dossier = event["subject"].removeprefix("dossier/")
        return cls(got.path.removeprefix("/"), got.id, event["id"], dossier, int(event["sequence"]))


@dataclass
class Partner:
    """`arrived` is all that came; `kept` is what it had safe before it answered, or died, or whatever it did then."""

    arrived: list[Arrival] = field(default_factory=list)
    kept: list[Arrival] = field(default_factory=list)
    deaths: int = 0
    _receiver: Receiver = field(default_factory=Receiver)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _server: asyncio.Server | None = None

    def url(self, hook: str) -> str:
        return f"http://{HOST}:{self._receiver.port}/{hook}"

    def of(self, hook: str) -> list[Arrival]:
        return [one for one in self.kept if one.hook == hook]

    def behaves(self, behaviour: Behaviour, *, keeps: bool = True) -> None:
        """From the next request on."""

        async def behave(receiver: Receiver, got: Got, writer: asyncio.StreamWriter) -> None:
            self.arrived.append(Arrival.of(got))
            if keeps:
                self.kept.append(self.arrived[-1])
            await behaviour(receiver, got, writer)

        self._receiver.behave = behave

    def is_well(self) -> None:
        """It keeps and answers again; whom it left waiting waits no longer."""
        self.behaves(status(204))
        self._do(self._release())

    def hangs(self) -> None:
        self.behaves(hang, keeps=False)

    def holds_its_answers(self) -> None:
        """Until it is well again, and then gives them."""

        async def hold(receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
            await receiver.released.wait()
            writer.write(answer(204))

        self.behaves(hold)

    def dies_at_the_next(self, hook: str, told: bytes, *, forgets: bool = False) -> None:
        """It gives so much of an answer and is gone, altogether; what it `forgets` was lost in its fall."""

        async def die(receiver: Receiver, got: Got, writer: asyncio.StreamWriter) -> None:
            if self.arrived[-1].hook != hook:
                return writer.write(answer(204))
            if forgets:
                self.kept.pop()
            writer.write(told)
            await reset(receiver, got, writer)
            return await self._leave()

        self.behaves(die)

    def goes(self) -> None:
        self._do(self._leave())

    def comes(self) -> None:
        """Back, if it was gone."""
        self._do(self._enter())

    def arrived_by_now(self) -> int:
        """How many had come when this was asked, with those that still lay unread on its connections."""
        return self._do(self._count())

    async def _enter(self) -> None:
        if self._server is not None and self._server.is_serving():
            return
        self._server = await asyncio.start_server(self._receiver.serve, HOST, self._receiver.port)

    async def _leave(self) -> None:
        assert self._server is not None
        self._server.close()
        for serving in self._receiver.serving - {asyncio.current_task()}:
            serving.cancel()
        self.deaths += 1

    async def _release(self) -> None:
        self._receiver.released.set()
        self._receiver.released = asyncio.Event()

    async def _count(self) -> int:
        for _ in range(ALL_THAT_CAME):
            await asyncio.sleep(0)
        return len(self.arrived)

    def _do(self, work: Coroutine[Any, Any, Done]) -> Done:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def partner() -> Iterator[Partner]:
    """Well, on a port that is its own all the while: nobody else takes it while nothing listens there."""
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((HOST, 0))
        found = Partner()
        found._receiver.port = place.getsockname()[1]
        thread = threading.Thread(target=found._loop.run_forever, daemon=True)
        thread.start()
        try:
            found.is_well()
            found.comes()
            yield found
            found.goes()
        finally:
            found._do(asyncio.sleep(0))
            found._loop.call_soon_threadsafe(found._loop.stop)
            thread.join()
            found._loop.close()
