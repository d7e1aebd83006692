"""CloudEvents 1.0 in structured JSON mode. Source: CloudEvents specification 1.0.2, JSON event format."""

from datetime import datetime
from functools import cache
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from contracts.event import Event, registered

CONTENT_TYPE = "application/cloudevents+json"


class UnknownEventType(ValueError):
    """The envelope names a type that this version of the contracts does not have."""


class CloudEvent[DataT: Event](BaseModel):
    """The envelope around one event. `traceparent` is the W3C extension that keeps one trace across the bus."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: DataT


class _Head(BaseModel):
    type: str


def wrap[DataT: Event](
    event: DataT, *, event_id: UUID, time: datetime, traceparent: str | None = None
) -> CloudEvent[DataT]:
    return CloudEvent(
        id=event_id,
        source=f"/growfit/{event.publisher()}",
        type=event.type,
        subject=str(event.aggregate_id),
        time=time,
        traceparent=traceparent,
        data=event,
    )


def encode(envelope: CloudEvent[Event]) -> bytes:
    # Without serialize_as_any a widened annotation would silently drop the subclass's fields.
    return envelope.model_dump_json(exclude_none=True, serialize_as_any=True).encode()


@cache
def _envelope_of(event_type: type[Event]) -> type[CloudEvent[Event]]:
    # pydantic holds parametrised classes weakly; making one again after a garbage collection costs 5 to 9 ms.
    return CloudEvent[event_type]  # type: ignore[valid-type]


def decode(body: bytes) -> CloudEvent[Event]:
    """Parse an envelope into the event class that its type names.

    Raises:
        pydantic.ValidationError: the bytes are no CloudEvent, or the data does not fit the type.
        UnknownEventType: the type is not in this version of the contracts.
    """
    name = _Head.model_validate_json(body).type
    event_type = registered().get(name)
    if event_type is None:
        raise UnknownEventType(name)
    return _envelope_of(event_type).model_validate_json(body)
