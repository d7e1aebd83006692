"""What the gateway answers with when a service behind it does not: it has no problems of its own."""

from fastapi import APIRouter

from chassis.errors import Unavailable
from identity.errors import SERVICE_DOWN

router = APIRouter(include_in_schema=False)


@router.api_route("/service-down", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def service_down() -> None:
    raise Unavailable(SERVICE_DOWN, headers={"Retry-After": "5"})
