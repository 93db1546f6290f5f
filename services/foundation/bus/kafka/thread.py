"""A thread of its own for a client that blocks: calls run there one after another, and nobody has to wait them out."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

Done = TypeVar("Done")
Job = tuple[Callable[[], Any], "Future[Any]"]


class OwnThread:
    """A daemon: a client that hangs for good keeps nothing else from ending."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._between: Callable[[], None] | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def do(self, call: Callable[[], Done]) -> "asyncio.Future[Done]":
        """In line from now. Cancelled before it began it never does; one that began goes on unheard."""
        done: Future[Done] = Future()
        self._jobs.put((call, done))
        return asyncio.wrap_future(done)

    def keep_doing(self, turn: Callable[[], None] | None) -> None:
        """From here on, and while nothing else is to be done. To be called in the thread; the turn may not raise."""
        self._between = turn

    def end(self) -> None:
        """After what was asked before."""
        self._jobs.put(None)

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(block=self._between is None)
            except Empty:
                assert self._between is not None
                self._between()
                continue
            if job is None:
                return
            call, done = job
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(call())
            except BaseException as error:  # it is whoever asked that has to know
                done.set_exception(error)
