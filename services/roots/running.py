"""Runs an application and its workers in one process until it is told to stop, and then stops them in order."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import uvicorn
import uvloop
from fastapi import FastAPI

Worker = Callable[[], Coroutine[Any, Any, None]]
Done = TypeVar("Done")

STOP: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, a service manager, a closed terminal
GRACE: Final = 5  # seconds for requests that are being answered
UNREAD_FOR: Final = 60  # seconds that what was sent may stay unread
_signals_are_heard: Final[ContextVar[bool]] = ContextVar("signals_are_heard", default=False)


class CannotListen(Exception):
    """Nothing can listen there; the message says what to do."""


class PortTaken(CannotListen):
    def __init__(self, host: str, port: int) -> None:
        other = f"--port {port + 1}" if port < 65535 else "--port 8700"
        super().__init__(
            f"Port {port} on {host} is in use. Stop what uses it, or choose another: {other} "
            "(--port 0 takes any that is free)."
        )


def until_told(work: Callable[[], Coroutine[Any, Any, Done]]) -> Done | None:
    """Runs `work`; a signal to stop cancels it, so that everything it opened is closed. None: it was told to stop."""

    async def main() -> Done:
        task = asyncio.current_task()
        assert task is not None
        _signals_are_heard.set(True)
        for number in STOP:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work()

    with suppress(asyncio.CancelledError), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
    return None


def listening(host: str, port: int) -> socket.socket:
    """Bound before anything else is started, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Accepted connections inherit it: without it an answer in two writes waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: who takes nothing any more is not waited for for ever
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_FOR * 1000)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as cannot:
        listener.close()
        if cannot.errno == errno.EADDRINUSE:
            raise PortTaken(host, port) from cannot
        if cannot.errno in (errno.EACCES, errno.EPERM):
            raise CannotListen(f"This user may not listen on port {port}: choose one above 1023.") from cannot
        raise CannotListen(f"{host} is no address of this machine: choose another --host.") from cannot
    return listener


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers that would never end are told first, so that there is nothing to cut off when grace is over."""
        self._closing()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Where `until_told` hears signals, it alone does: it stops what this server rests on, too."""
        if _signals_are_heard.get():
            yield
            return
        with super().capture_signals():
            yield


async def run(
    app: FastAPI,
    listener: socket.socket,
    workers: Sequence[Worker],
    ready: Callable[[], None],
    closing: Callable[[], None],
) -> None:
    """`ready` is called when requests are answered, `closing` when no more are taken.

    A worker that falls over takes the process with it.
    """
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE
    )
    server = _Server(config, closing)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(worker()) for worker in workers]
        serving = tasks.create_task(server.serve(sockets=[listener]))
        try:
            while not (server.started or serving.done()):  # noqa: ASYNC110 - the server tells by a flag
                await asyncio.sleep(0.01)
            if server.started:
                ready()
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            with suppress(asyncio.CancelledError):  # told twice: no more grace
                await asyncio.shield(serving)
            raise
        finally:
            server.should_exit = server.force_exit = True
            for worker in running:
                worker.cancel()


async def work(workers: Sequence[Worker], ready: Callable[[], None]) -> None:
    """Workers alone, without anything that listens."""
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker())
        ready()
