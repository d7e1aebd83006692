"""A queue of letters on a real database, and a mailer that keeps what it is given."""

import asyncio
import base64
import secrets
from collections.abc import Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import func, select, update

from chassis.mail import MailQueue, MailRefused
from chassis.sealing import Sealer

TOKEN = "canary-token-0123456789"
TO, SUBJECT, TEXT = "minji@example.com", "[GrowFit] 이메일 주소를 확인하세요", f"링크: https://x/#token={TOKEN}\n끝"
SENDER = "GrowFit <no-reply@growfit.example>"


class Mailbox:
    """A mailer that takes letters, or refuses as many as it is told to."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refusals = 0
        self.reason = "451 try later"
        self.pause = 0.0
        self.began = asyncio.Event()

    async def send(self, letter: EmailMessage) -> None:
        self.began.set()
        await asyncio.sleep(self.pause)
        if self.refusals:
            self.refusals -= 1
            raise MailRefused(self.reason)
        self.letters.append(letter)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox()


@pytest.fixture(scope="session")
def sealer() -> Sealer:
    return Sealer(base64.b64encode(secrets.token_bytes(32)).decode())


@pytest.fixture
def queue_with(store, sealer: Sealer) -> Callable[[Any], MailQueue]:
    return lambda by: MailQueue(store.database, store.mails, sealer=sealer, mailer=by, sender=SENDER)


@pytest.fixture
def queue(queue_with, box: Mailbox) -> MailQueue:
    return queue_with(box)


@pytest.fixture
def put(store, queue: MailQueue):
    async def write(to: str = TO, subject: str = SUBJECT, text: str = TEXT) -> None:
        async with store.database.transaction() as session:
            await queue.put(session, to=to, subject=subject, text=text)

    return write


@pytest.fixture
def waiting(store):
    async def read() -> list[Any]:
        return await store.rows(select(store.mails))

    return read


@pytest.fixture
def later(store):
    """Time passes: every letter is due again, and was written that much earlier."""

    async def move(by: timedelta = timedelta()) -> None:
        table = store.mails
        async with store.database.transaction() as session:
            values = {"next_try_at": func.now(), "created_at": table.c.created_at - by}
            await session.execute(update(table).values(**values))

    return move
