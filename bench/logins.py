"""Whether people who log in slow down those who are in: hashing a password takes a core for tens of milliseconds."""

import json
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus

from apart import Apart
from figures import Figure
from stage import BenchFailed, Stage

from growfit_local.people import new_password

_AT_ONCE = 20
_WARM_UP = 50
_ROUNDS = 3


def measure(stage: Stage, *, requests: int) -> list[Figure]:
    """`GET /users/me`, idle and while twenty people log in without a pause."""
    accounts = _accounts(stage)
    stage.log_in()
    _timed(stage, _WARM_UP)
    with Apart("login_load", stage.stack.url, json.dumps(accounts)) as others:
        rounds = [_round(stage, others, requests) for _ in range(_ROUNDS)]
    ratio, idle, busy, rate = sorted(rounds)[_ROUNDS // 2]
    meaning = (
        f"p99 of {requests} GET /users/me while {_AT_ONCE} people log in at once ({_p99(busy):.1f} ms, {rate:.0f} "
        f"logins a second) ÷ idle ({_p99(idle):.1f} ms), the middle one of {_ROUNDS} rounds"
    )
    return [Figure("me_p99_during_logins_over_idle", ratio, meaning, {"busy_ms": busy, "idle_ms": idle})]


def _round(stage: Stage, others: Apart, requests: int) -> tuple[float, list[float], list[float], float]:
    """The ratio, both series in ms, and the logins a second."""
    idle = _timed(stage, requests)
    counts: dict[str, int] = {}
    # As long as it takes, and a moment more: the last request must be as busy as the first.
    seconds = 12 * sum(idle) / 1000 + 3
    load = threading.Thread(target=lambda: counts.update(others.ask(seconds=seconds)))
    load.start()
    time.sleep(1)
    busy, alive = _timed(stage, requests), load.is_alive()
    load.join()
    if not alive or counts.get("refused") or not counts.get("logins"):
        raise BenchFailed(f"the logins did not last, or were refused: {counts}")
    return _p99(busy) / _p99(idle), idle, busy, counts["logins"] / seconds


def _accounts(stage: Stage) -> list[tuple[str, str]]:
    made = []
    for number in range(_AT_ONCE):
        address, password = stage.academy.address(f"login-{number}"), new_password()
        stage.academy.client().sign_up(address, password, "김로그인")
        made.append((address, password))
    return made


def _timed(stage: Stage, number: int) -> list[float]:
    found = []
    for _ in range(number):
        began = time.perf_counter()
        status = stage.get("/users/me")
        found.append((time.perf_counter() - began) * 1000)
        if status != HTTPStatus.OK:
            raise BenchFailed(f"GET /users/me: {status}")
    return found


def _p99(series: Sequence[float]) -> float:
    return sorted(series)[int(len(series) * 0.99)]
