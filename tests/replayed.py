"""The public lives, lived through a sandbox on one clock: each event posted by its actor at its moment."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.sandboxes import EVENT, Api

FILES: Final = Path(__file__).parent / "acceptance" / "trajectories"
NAMES: Final = ("t1-noor-revoked-consent", "t2-samir-handover-failed-trial", "t3-thea-three-employers")


def life(name: str) -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads((FILES / f"{name}.json").read_text("utf-8"))
    return told


def lived(api: Api, names: Iterable[str] = NAMES, until: str | None = None) -> None:
    """In order of time, up to a moment, or to the end of the last file."""
    lives = [life(name) for name in names]
    for told in lives:
        api.enter({key: told[key] for key in ("dossier_id", "organisations", "actors", "parameters")})
    events = [(told, row) for told in lives for row in told["events"]]
    for told, row in sorted(events, key=lambda pair: (pair[1]["event"]["time"], pair[1]["seq"])):
        if until is not None and row["event"]["time"] > until:
            continue
        api.clock(row["event"]["time"])
        path = f"/v1/dossiers/{told['dossier_id']}/events"
        answer = api.call("POST", path, row["actor"], row["event"], headers={"Content-Type": EVENT})
        assert answer.status_code == 201, f"{told['id']} seq {row['seq']}: {answer.text}"
    api.clock(until or max(f"{told['as_of']}T22:59:59Z" for told in lives))
