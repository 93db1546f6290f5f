"""Catches up after any absence: all that happened since, with its content, into a small database. No bus, no library.

DRAAD_URL is where Draad is; DRAAD_HEADER names a file with one line, `Authorization: Bearer <your access token>`;
DRAAD_DATABASE is a file of SQLite, `caught-up.sqlite` when unset. Run it from a timetable.
"""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

TABLES = """
    create table if not exists events (source text, id text, type text, body text, primary key (source, id));
    create table if not exists place (only_one integer primary key check (only_one = 1), next text);
"""


class Refused(Exception):
    """An answer that asking again does not mend."""


def get(url: str, header: str, pause: Callable[[float], None]) -> Any:
    """What stands there, or None: not for us (any more), which is an answer like any other."""
    name, _, value = header.partition(":")
    while True:
        try:
            with urlopen(Request(url, headers={name: value.strip()}), timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            problem = json.loads(error.read() or b"{}")
            if error.code == 404:
                return None
            if error.code == 401:
                raise Refused("401: the token is not right, or too old; get a new one and run this again") from None
            if error.code not in (429, 500, 502, 503, 504):
                raise Refused(f"{error.code}: {problem.get('detail', error.reason)}") from None
            pause(float(error.headers.get("Retry-After", 10)))
        except (URLError, TimeoutError, ConnectionError):
            pause(10)


def catch_up(url: str, header: str, database: sqlite3.Connection, pause: Callable[[float], None] = time.sleep) -> int:
    """Until there is nothing more; how many events were new."""
    database.executescript(TABLES)
    (before,) = database.execute("select count(*) from events").fetchone()
    while True:
        row = database.execute("select next from place").fetchone()
        after = {} if row is None else {"after": row[0]}
        page = get(f"{url}/v1/feed?{urlencode({'limit': 100} | after)}", header, pause)
        if not page["items"]:
            (now,) = database.execute("select count(*) from events").fetchone()
            return int(now - before)
        told = [item["event"] for item in page["items"]]
        bodies = [get(url + event["dataref"], header, pause) for event in told]
        with database:  # the content and the place in one transaction: both or neither
            database.executemany(
                "insert into events values (?, ?, ?, ?) on conflict do nothing",  # the same event may come again
                [(e["source"], e["id"], b["type"], json.dumps(b)) for e, b in zip(told, bodies, strict=True) if b],
            )
            database.execute("insert or replace into place values (1, ?)", (page["next"],))


if __name__ == "__main__":
    try:
        url, header = os.environ["DRAAD_URL"], Path(os.environ["DRAAD_HEADER"]).read_text().strip()
        print(
            catch_up(url, header, sqlite3.connect(os.environ.get("DRAAD_DATABASE", "caught-up.sqlite"))), "new events"
        )
    except KeyError as unset:
        sys.exit(f"set {unset.args[0]}")
    except (Refused, OSError) as trouble:
        sys.exit(str(trouble))
