"""Runs an application and its workers in one process until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI

Worker = Callable[[], Coroutine[Any, Any, None]]


class PortTaken(Exception):
    """The port is in use; the message says what to do."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"Port {port} on {host} is in use. Stop what uses it, or choose another: --port {port + 1} "
            "(--port 0 takes any that is free)."
        )


def listening(host: str, port: int) -> socket.socket:
    """Bound before anything else is started, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Accepted connections inherit it: without it an answer in two writes waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as taken:
        listener.close()
        raise PortTaken(host, port) from taken
    return listener


async def run(app: FastAPI, listener: socket.socket, workers: Sequence[Worker], ready: Callable[[], None]) -> None:
    """`ready` is called when requests are answered. A worker that falls over takes the process with it."""
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5)
    )
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(worker()) for worker in workers]
        serving = tasks.create_task(server.serve(sockets=[listener]))
        while not (server.started or serving.done()):  # noqa: ASYNC110 - the server tells by a flag
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        await serving
        for worker in running:
            worker.cancel()
