"""The sandbox's own routes. They exist in its composition root alone, never in `draad serve`."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.responses import Response

from services.foundation.answers import JsonAnswer
from services.foundation.clock import ClockGoesForward
from services.foundation.problems import CONFLICT, Problem
from services.sandbox.faults import Faults, Switchboard
from services.sandbox.scenes import Scene, Scenes
from services.sandbox.walk import Walk


class Moment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime


def router(scenes: Scenes, walk: Walk, switchboard: Switchboard) -> APIRouter:
    routes = APIRouter(tags=["sandbox"])

    @routes.post("/sandbox/scenes", operation_id="enterScene", summary="Bring invented people", status_code=201)
    async def enter(scene: Scene) -> Response:
        return JsonAnswer({"tokens": await scenes.enter(scene)}, 201)

    @routes.get("/sandbox/clock", operation_id="readClock", summary="Where the clock stands")
    async def read() -> Response:
        return JsonAnswer(_told(await walk.now()))

    @routes.put(
        "/sandbox/clock", operation_id="moveClock", summary="Walk the clock forward and wait until all is still"
    )
    async def move(moment: Moment) -> Response:
        try:
            return JsonAnswer(_told(await walk.to(moment.now)))
        except ClockGoesForward as backwards:
            raise Problem(CONFLICT, str(backwards)) from None

    @routes.post("/sandbox/faults", operation_id="setFaults", summary="Take a part away, or give it back")
    async def set_faults(faults: Faults) -> Response:
        return JsonAnswer(switchboard.set(faults))

    return routes


def _told(moment: datetime) -> dict[str, str]:
    return {"now": moment.isoformat().replace("+00:00", "Z")}
