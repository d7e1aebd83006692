"""Every event type of every publisher. Importing this module registers them all."""

from contracts import identity, ingest, org_partner, rag, usage_metrics
from contracts.event import Event, registered

PUBLISHERS = {
    module.__name__.rsplit(".", 1)[-1]: module for module in (identity, org_partner, ingest, rag, usage_metrics)
}


def event_types() -> list[type[Event]]:
    return [registered()[name] for name in sorted(registered())]
