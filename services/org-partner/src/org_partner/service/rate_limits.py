"""How somebody is told to wait."""

import math
from datetime import timedelta

from chassis.errors import Message, RateLimited


def limited(message: Message, wait: timedelta) -> RateLimited:
    """`message` may name `retry_after_minutes`."""
    seconds = max(1, math.ceil(wait.total_seconds()))
    headers = {"Retry-After": str(seconds)}
    return RateLimited(message, headers=headers, retry_after_minutes=math.ceil(seconds / 60))
