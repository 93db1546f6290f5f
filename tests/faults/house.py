"""A house on a PostgreSQL of the test, in two processes: one serves, notifies and fills lanes, the other relays.

python -m tests.faults.house serve MAIN_URL KEYS_URL ROOT_KEY_FILE
python -m tests.faults.house relay MAIN_URL
"""

import asyncio
import logging
import sys
from pathlib import Path

from services.events.relay import Relay
from services.foundation import clock, telemetry
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Database
from services.foundation.vault.root_key import LocalRootKey
from services.roots import house, sandbox
from services.roots.running import listening, run
from services.sandbox.faults import Switchboard


async def serve(main_url: str, keys_url: str, root_key: str) -> None:
    listener = listening(sandbox.HOST, 0)
    async with house.built(main_url, keys_url, LocalRootKey.read(Path(root_key)), sandbox.SOURCE, size=8) as built:
        async with built.database.connection() as conn:
            await clock.begin_sandbox(conn)
        app = sandbox._application(built, Switchboard())
        url = f"http://{sandbox.HOST}:{listener.getsockname()[1]}"
        workers = (built.notifier.run, built.lanes.run)

        def ready() -> None:
            sys.stdout.write(f"ready: {url}\n")
            sys.stdout.flush()

        await run(app, listener, workers, ready, built.streams.close)


async def relay(main_url: str) -> None:
    """Small batches in small chunks, so that every named place lies in the middle of something."""
    database = await Database.open(main_url, size=4)
    await Relay(database, PostgresBus(database), batch=6, chunk=2).run()


if __name__ == "__main__":
    telemetry.configure(level=logging.WARNING)
    asyncio.run(serve(*sys.argv[2:]) if sys.argv[1] == "serve" else relay(*sys.argv[2:]))
