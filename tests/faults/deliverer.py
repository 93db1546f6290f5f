"""A process that sends webhooks and nothing else, on the small dossier service of tests.

python -m tests.faults.deliverer MAIN_URL LEASE
"""

import asyncio
import logging
import sys

from services.foundation import telemetry
from services.foundation.database.connection import Database
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.webhooks.courier import Courier
from services.notifications.webhooks.deliverer import Deliverer
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import RealLines
from services.notifications.webhooks.walls import Walls
from tests.dossiers import Dossiers


async def deliver(main_url: str, lease: float) -> None:
    database, walls = await Database.open(main_url, size=4), Walls(to_this_machine=True)
    keys = EndpointKeys(LocalRootKey(bytes(32)))  # that of the desk of tests
    courier = Courier(database, Dossiers(database), RealLines(walls), walls, keys)
    await Deliverer(database, courier, lease=lease).run()


if __name__ == "__main__":
    telemetry.configure(level=logging.WARNING)
    asyncio.run(deliver(sys.argv[1], float(sys.argv[2])))
