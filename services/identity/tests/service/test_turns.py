"""Who logs in waits for their turn, so that those who are in need not."""

import asyncio
import itertools

import pytest

from chassis.errors import Unavailable
from identity.errors import TOO_MANY_LOGINS
from identity.service.turns import Turns


async def test_they_come_in_their_order_and_never_more_at_once_than_may() -> None:
    turns = Turns(at_once=2, most_waiting=20, full=TOO_MANY_LOGINS)
    inside, most, served = 0, 0, []

    async def come(number: int) -> None:
        nonlocal inside, most
        async with turns.take("198.51.100.7"):
            inside += 1
            most = max(most, inside)
            served.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(come(number) for number in range(10)))

    assert most == 2
    assert served == list(range(10))


async def test_one_more_than_may_wait_is_told_when_to_come_again() -> None:
    turns = Turns(at_once=1, most_waiting=4, full=TOO_MANY_LOGINS)
    leave = asyncio.Event()

    async def come() -> None:
        async with turns.take("198.51.100.7"):
            await leave.wait()

    there = [asyncio.create_task(come()) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await come()
    leave.set()
    await asyncio.gather(*there)

    assert refused.value.code == "too_many_logins"
    assert refused.value.headers == {"Retry-After": "5"}
    await come()


@pytest.mark.parametrize("where", ["inside", "waiting"])
async def test_whoever_gives_up_leaves_their_place_to_the_next(where) -> None:
    turns = Turns(at_once=1, most_waiting=1, full=TOO_MANY_LOGINS)
    leave = asyncio.Event()

    async def come() -> None:
        async with turns.take("198.51.100.7"):
            await leave.wait()

    first = asyncio.create_task(come())
    await asyncio.sleep(0)
    second = asyncio.create_task(come())
    await asyncio.sleep(0)
    gone = first if where == "inside" else second
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    leave.set()
    await asyncio.wait_for(come(), 5)


async def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns(at_once=1, most_waiting=0, full=TOO_MANY_LOGINS)
    for _ in range(3):
        with pytest.raises(LookupError):
            async with turns.take("198.51.100.7"):
                raise LookupError


async def test_a_host_that_sends_hundreds_waits_for_itself() -> None:
    turns = Turns(at_once=1, most_waiting=200, full=TOO_MANY_LOGINS)
    served: list[str] = []

    async def come(host: str) -> None:
        try:
            async with turns.take(host):
                served.append(host)
                await asyncio.sleep(0)
        except Unavailable:
            served.append(f"{host} refused")

    flood = [asyncio.create_task(come("203.0.113.1")) for _ in range(400)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(come(f"198.51.100.{number}")) for number in range(3)]
    await asyncio.gather(*flood, *others)

    answered = [host for host in served if not host.endswith("refused")]
    assert served.count("203.0.113.1 refused") == 299
    assert {answered.index(f"198.51.100.{number}") for number in range(3)} <= set(range(6))
    assert len(answered) == 104


async def test_between_two_turns_there_is_a_pause() -> None:
    turns = Turns(at_once=1, most_waiting=10, full=TOO_MANY_LOGINS, pause=0.05)
    ends: list[float] = []

    async def come() -> None:
        async with turns.take("198.51.100.7"):
            ends.append(asyncio.get_running_loop().time())

    await asyncio.gather(*(come() for _ in range(3)))

    assert all(later - earlier >= 0.04 for earlier, later in itertools.pairwise(ends))
