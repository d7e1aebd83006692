"""Several failures in a row open it, a pause later one probe decides."""

import pytest

from retrieval.circuit import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Circuit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(failures=3, clock=clock)


def fail(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        assert circuit.enter() is None
        circuit.fail()


def test_it_opens_with_the_last_of_several_in_a_row(circuit: Circuit) -> None:
    fail(circuit, 2)
    assert circuit.enter() is None
    circuit.succeed()
    fail(circuit, 3)
    assert circuit.enter() == FIRST_PAUSE_SECONDS


def test_after_the_pause_one_call_is_the_probe(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += FIRST_PAUSE_SECONDS
    assert circuit.enter() is None
    assert circuit.enter() == 1.0
    circuit.succeed()
    assert [circuit.enter() for _ in range(3)] == [None] * 3


def test_a_probe_that_fails_doubles_the_pause_up_to_a_minute(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    pauses = []
    for _ in range(6):
        pauses.append(circuit.enter())
        clock.now += pauses[-1] or 0
        fail(circuit, 1)
    assert pauses == [5.0, 10.0, 20.0, 40.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    clock.now += LONGEST_PAUSE_SECONDS
    assert circuit.enter() is None
    circuit.succeed()
    fail(circuit, 3)
    assert circuit.enter() == FIRST_PAUSE_SECONDS


def test_calls_that_were_under_way_when_it_opened_lengthen_nothing(circuit: Circuit, clock: Clock) -> None:
    assert [circuit.enter() for _ in range(8)] == [None] * 8
    for _ in range(8):
        circuit.fail()
    assert circuit.enter() == FIRST_PAUSE_SECONDS
    clock.now += FIRST_PAUSE_SECONDS
    assert circuit.enter() is None


def test_a_probe_that_is_cancelled_leaves_its_place_to_the_next(circuit: Circuit, clock: Clock) -> None:
    fail(circuit, 3)
    clock.now += FIRST_PAUSE_SECONDS
    assert circuit.enter() is None
    circuit.forget()
    assert circuit.enter() is None


@pytest.mark.parametrize(("asked_for", "pause"), [(30.0, 30.0), (1.0, FIRST_PAUSE_SECONDS), (3600.0, 60.0)])
def test_it_rests_as_long_as_the_provider_asks_for(circuit: Circuit, asked_for: float, pause: float) -> None:
    for _ in range(3):
        circuit.enter()
        circuit.fail(retry_after=asked_for)
    assert circuit.enter() == pause
