"""Letters: in the change's transaction, sealed until they are sent, sent once, and given up at last."""

import asyncio
import json
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import update

from chassis.errors import DATABASE_UNAVAILABLE, Unavailable
from chassis.mail import MailQueue

SENDER = "GrowFit <no-reply@growfit.example>"
# As `put` writes them.
TOKEN = "canary-token-0123456789"
TO, SUBJECT, TEXT = "minji@example.com", "[GrowFit] 이메일 주소를 확인하세요", f"링크: https://x/#token={TOKEN}\n끝"


async def test_a_letter_arrives_and_leaves_nothing_behind(put, queue, box, waiting) -> None:
    await put()
    assert await queue.send_next() is True
    (letter,) = box.letters
    assert (letter["To"], letter["From"], letter["Subject"]) == (TO, SENDER, SUBJECT)
    assert letter.get_content().strip() == TEXT
    assert letter["Auto-Submitted"] == "auto-generated"
    assert str(letter["Message-ID"]).endswith("@growfit.example>"), "not this machine's name"
    assert await waiting() == []
    assert await queue.send_next() is False


async def test_a_change_that_is_rolled_back_writes_no_letter(store, queue, box) -> None:
    async def fail() -> None:
        async with store.database.transaction() as session:
            await queue.put(session, to=TO, subject=SUBJECT, text=TEXT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await queue.send_next() is False
    assert box.letters == []


async def test_nothing_of_a_letter_stands_in_the_database(put, queue, box, waiting, made) -> None:
    box.refusals, box.reason = 1, f"550 <{TO}>: user unknown"
    await put()
    await queue.send_next()
    async with await psycopg.AsyncConnection.connect(made.libpq_url("postgres")) as connection:
        cursor = await connection.execute("SELECT m::text, encode(sealed, 'escape') FROM usage_metrics.mails m")
        ((row, sealed),) = await cursor.fetchall()
    for part in (TOKEN, TO, "minji", "GrowFit", "https"):
        assert part not in row + sealed
    assert (await waiting())[0].last_error == "550 <…>: user unknown"


async def test_a_refused_letter_is_tried_again_later_and_later(put, queue, box, waiting, later) -> None:
    box.refusals = 3
    await put()
    pauses = []
    for tries in (1, 2, 3):
        assert await queue.send_next() is True
        assert await queue.send_next() is False, "not at once"
        (row,) = await waiting()
        assert (row.tries, row.last_error) == (tries, "451 try later")
        pauses.append(row.next_try_at - row.created_at)
        await later()
    assert pauses == sorted(pauses)
    await queue.send_next()
    assert (len(box.letters), await waiting()) == (1, [])


async def test_every_try_has_the_same_id(store, put, queue, box, waiting, later) -> None:
    """A server that had taken it, and was not heard, knows it again."""
    await put()
    (row,) = await waiting()
    await queue.send_next()
    async with store.database.transaction() as session:
        await session.execute(store.mails.insert().values(mail_id=row.mail_id, sealed=row.sealed))
    await queue.send_next()
    assert len({letter["Message-ID"] for letter in box.letters}) == 1
    assert len(box.letters) == 2


async def test_a_letter_that_nobody_takes_for_a_day_is_given_up(put, queue, box, waiting, later, caplog) -> None:
    box.refusals = 99
    await put()
    await queue.send_next()
    await later(timedelta(hours=23))
    await queue.send_next()
    assert len(await waiting()) == 1
    await later(timedelta(hours=2))
    await queue.send_next()
    assert (await waiting(), box.letters) == ([], [])
    assert "given up" in caplog.text
    assert TO not in caplog.text


async def test_two_senders_send_no_letter_twice(put, queue_with, box, waiting) -> None:
    box.pause = 0.01
    for number in range(20):
        await put(to=f"p{number}@example.com")

    async def drain(sender: MailQueue) -> None:
        while await sender.send_next():
            pass

    await asyncio.gather(*(drain(queue_with(box)) for _ in range(3)))
    assert sorted(letter["To"] for letter in box.letters) == sorted(f"p{number}@example.com" for number in range(20))
    assert await waiting() == []


async def test_a_letter_that_one_sender_has_in_hand_is_left_alone_by_another(put, queue_with, box, waiting) -> None:
    box.pause = 0.3
    await put()
    first = asyncio.create_task(queue_with(box).send_next())
    await box.began.wait()
    assert await queue_with(box).send_next() is False
    assert await first is True
    assert len(box.letters) == 1


async def test_a_sender_that_is_killed_loses_no_letter(put, queue, box, waiting, later) -> None:
    box.pause = 30
    await put()
    task = asyncio.create_task(queue.send_next())
    await box.began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await queue.send_next() is False, "its lease runs"
    box.pause = 0
    await later()
    await queue.send_next()
    assert (len(box.letters), await waiting()) == (1, [])


async def test_one_bad_letter_does_not_hold_up_the_others(store, put, queue, box, waiting) -> None:
    await put()
    async with store.database.transaction() as session:
        # Sealed with a key that is gone, or altered.
        await session.execute(update(store.mails).values(sealed=b"\x01 nothing that opens"))
    await put(to="other@example.com")
    while await queue.send_next():
        pass
    assert [letter["To"] for letter in box.letters] == ["other@example.com"]
    (row,) = await waiting()
    assert "key" in row.last_error


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("a@b.example\nBcc: c@d.example", "x"),
        ("a@b.example, c@d.example", "x"),
        ("Somebody <a@b.example>", "x"),
        ("nobody", "x"),
        ("@b.example", "x"),
        ("a@", "x"),
        ("", "x"),
        ("a@b.example", "x\nBcc: c@d.example"),
        ("a@b.example", "x\r\n\r\nbody"),
    ],
)
async def test_what_could_never_be_sent_is_refused_where_it_is_written(put, waiting, to, subject) -> None:
    with pytest.raises(ValueError, match=r"address|linefeed"):
        await put(to=to, subject=subject)
    assert await waiting() == []


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("minji@한국.kr", "minji@xn--3e0b707e.kr"),
        # The rules of 2003 would write to fass.de and to a domain with σ: those may be somebody else's.
        ("minji@faß.de", "minji@xn--fa-hia.de"),
        ("minji@βόλος.com", "minji@xn--nxasmm1c.com"),
        ("minji@xn--fa-hia.de", "minji@xn--fa-hia.de"),
        ("minji+Tag@example.com", "minji+Tag@example.com"),
    ],
)
async def test_a_domain_is_written_as_servers_know_it(put, queue, box, to, written) -> None:
    await put(to=to)
    await queue.send_next()
    assert box.letters[0]["To"] == written


async def test_a_letter_that_can_no_longer_be_written_does_not_hold_up_the_others(
    store, sealer, put, queue, box, waiting
) -> None:
    await put()
    (row,) = await waiting()
    sealed = sealer.seal(json.dumps(["nobody", SUBJECT, TEXT]), bound_to=f"mail:{row.mail_id}")
    async with store.database.transaction() as session:
        await session.execute(update(store.mails).values(sealed=sealed))
    await put(to="other@example.com")
    while await queue.send_next():
        pass
    assert [letter["To"] for letter in box.letters] == ["other@example.com"]
    (row,) = await waiting()
    assert row.last_error == "no single e-mail address"


async def test_the_loop_sends_what_is_put_and_outlives_a_database_that_is_away(
    put, queue, box, eventually, monkeypatch
) -> None:
    monkeypatch.setattr("chassis.mail.POLL_SECONDS", 0.05)
    failures = 2
    original = queue.send_next

    async def send_next() -> bool:
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable(DATABASE_UNAVAILABLE)
        return await original()

    monkeypatch.setattr(queue, "send_next", send_next)
    running = asyncio.create_task(queue.run())
    await put()

    async def arrived() -> int:
        return len(box.letters)

    assert await eventually(arrived) == 1
    running.cancel()
    await asyncio.wait([running])
