"""The published event contract as AsyncAPI 3: `python -m chassis.asyncapi > docs/asyncapi.json`."""

import json
import sys
from typing import Any

from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from contracts.catalogue import event_types
from contracts.envelope import CloudEvent
from contracts.streams import CONSUMERS


def document() -> dict[str, Any]:
    """One channel per event type. The broker is a description only and connects nowhere."""
    broker = NatsBroker("nats://growfit:4222", description="One JetStream stream per publishing service.")
    readers: dict[str, list[str]] = {}
    for consumer in CONSUMERS:
        for event in consumer.events:
            readers.setdefault(event.type, []).append(consumer.durable)
    for event in event_types():
        known = ", ".join(readers.get(event.type, [])) or "none inside the platform"
        text = f"{(event.__doc__ or event.__name__).strip()} Stream {event.publisher().upper()}; read by: {known}."
        broker.publisher(event.type, title=event.type, description=text, schema=CloudEvent[event])  # type: ignore[valid-type]
    spec = AsyncAPI(broker, title="GrowFit events", version="1")
    result: dict[str, Any] = spec.to_specification().to_jsonable()
    return result


if __name__ == "__main__":
    json.dump(document(), sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
    sys.stdout.write("\n")
