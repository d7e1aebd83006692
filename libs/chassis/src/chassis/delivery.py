"""One delivery of one message to one consumer, and the signal that its effect already stands."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Delivery:
    """`consumer` and `event_id` are the key of the inbox; `attempt` counts from 1.

    `redriven`: an operator asked for it after the message had been given up.
    """

    consumer: str
    event_id: UUID
    attempt: int = 1
    last: bool = False
    redriven: bool = False


class AlreadyHandled(Exception):
    """Not an error: the same event reached the same consumer before and its effect was committed."""
