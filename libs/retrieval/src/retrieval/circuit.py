"""A circuit breaker: who has failed several times in a row is left alone for a while, and then asked by one call."""

import time
from collections.abc import Callable

FAILURES = 5
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0


class Circuit:
    """Closed, it lets all calls pass. After `failures` in a row it is open and lets none pass for a pause. Then it lets
    one pass, the probe: if that succeeds it closes, if that fails the next pause is twice as long.

    For one event loop. A call that passes says how it ended: `succeed`, `fail`, or `forget` when nobody knows.
    """

    def __init__(self, *, failures: int = FAILURES, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._clock = clock
        self._in_a_row = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._opens_at = 0.0
        self._is_probed = False

    def enter(self) -> float | None:
        """None: the call may be made. Otherwise in how many seconds to ask again."""
        if self._in_a_row < self._failures:
            return None
        wait = self._opens_at - self._clock()
        if wait > 0:
            return wait
        if self._is_probed:
            # What it brings is as near as the next second.
            return 1.0
        self._is_probed = True
        return None

    def succeed(self) -> None:
        self._in_a_row, self._pause, self._is_probed = 0, FIRST_PAUSE_SECONDS, False

    def fail(self, *, retry_after: float | None = None) -> None:
        """`retry_after`: seconds that whoever failed asks to be left alone."""
        self._in_a_row += 1
        if self._in_a_row == self._failures:
            self._rest(retry_after)
        elif self._is_probed:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            self._rest(retry_after)

    def forget(self) -> None:
        """Had it been the probe, the next call is."""
        self._is_probed = False

    def _rest(self, retry_after: float | None) -> None:
        asked_for = min(retry_after or 0.0, LONGEST_PAUSE_SECONDS)
        self._opens_at, self._is_probed = self._clock() + max(self._pause, asked_for), False
