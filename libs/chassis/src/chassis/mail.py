"""Mail that is neither lost nor sent for a change that was rolled back: a row in the change's transaction, sent later.

Letters carry links with one-time tokens, so they are sealed at rest and deleted once they are sent. Where no SMTP
server is set, they are written as .eml files, which is how the local stack and the tests read them.
"""

import asyncio
import json
import logging
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID

import aiosmtplib
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.errors import Unavailable
from chassis.ids import new_id
from chassis.sealing import SealBroken, Sealer

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# A letter that nobody takes for a day is given up: its link has expired by then.
GIVE_UP = timedelta(days=1)
_LEASE = timedelta(minutes=2)
_SECONDS = 20.0


class MailRefused(Exception):
    """The server does not take the letter, now or for good; the queue tries again until `GIVE_UP`."""


class Mailer(Protocol):
    async def send(self, letter: EmailMessage) -> None:
        """
        Raises:
            MailRefused: it was not taken.
        """
        ...


class FileMailer:
    """Each letter is a file in `folder`, named after its id."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: EmailMessage) -> None:
        name = str(letter["Message-ID"]).strip("<>").partition("@")[0]
        try:
            await asyncio.to_thread(self._write, name, bytes(letter))
        except OSError as error:
            raise MailRefused(repr(error)) from error

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / f".{name}.part"
        part.touch(mode=0o600)
        part.write_bytes(content)
        part.rename(self._folder / f"{name}.eml")


class SmtpMailer:
    """`smtp://[user:password@]host[:port]` with STARTTLS, `smtps://…` with TLS at once.

    A server that offers no TLS, or whose certificate is not good, gets nothing: letters carry tokens. On this machine
    and without a password it may go without.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._may_be_clear = _is_this_machine(self._parts.hostname or "") and not self._parts.username

    async def send(self, letter: EmailMessage) -> None:
        parts, tls = self._parts, self._parts.scheme == "smtps"
        try:
            await aiosmtplib.send(
                letter,
                hostname=parts.hostname,
                port=parts.port or (465 if tls else 587),
                username=unquote(parts.username) if parts.username else None,
                password=unquote(parts.password) if parts.password else None,
                use_tls=tls,
                # None: where it is offered.
                start_tls=None if tls or self._may_be_clear else True,
                timeout=_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailRefused(repr(error)[:500]) from error


class NoMailer:
    """Where none is set: letters wait in the queue, and the log says why."""

    async def send(self, letter: EmailMessage) -> None:  # noqa: ARG002  the port's
        raise MailRefused("MAIL_URL is not set")


def mailer(url: str) -> Mailer:
    """`file:///folder`, `smtp://…` or `smtps://…`; empty: none.

    Raises:
        ValueError: none of these.
    """
    if not url:
        return NoMailer()
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path:
        return FileMailer(Path(unquote(parts.path)))
    if parts.scheme in ("smtp", "smtps") and parts.hostname:
        return SmtpMailer(url)
    raise ValueError("MAIL_URL must be file:///folder, smtp://host:port or smtps://host:port")


class MailQueue:
    def __init__(self, database: Database, table: Table, *, sealer: Sealer, mailer: Mailer, sender: str) -> None:
        self._database = database
        self._table = table
        self._sealer = sealer
        self._mailer = mailer
        self._sender = sender

    async def put(self, session: AsyncSession, *, to: str, subject: str, text: str) -> None:
        """In the caller's transaction; it is sent once that is committed.

        Raises:
            ValueError: it could never be sent: no address, or a line's end in the subject.
        """
        mail_id = new_id()
        self._letter(mail_id, to=to, subject=subject, text=text)
        sealed = self._sealer.seal(json.dumps([to, subject, text]), bound_to=f"mail:{mail_id}")
        await session.execute(insert(self._table).values(mail_id=mail_id, sealed=sealed))

    async def run(self) -> None:
        """Until cancelled; a background loop of the worker."""
        while True:
            try:
                while await self.send_next():
                    pass
            except Unavailable as error:
                log.warning("mail waits: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    async def send_next(self) -> bool:
        """Send the letter that is due. False: there is none. A kill before it is deleted sends it once more."""
        table = self._table.c
        due = select(table.mail_id).where(table.next_try_at <= func.now()).order_by(table.next_try_at).limit(1)
        # Pushed back first, so that no other replica takes it while this one talks to the server.
        lease = (
            update(self._table)
            .where(table.mail_id == due.with_for_update(skip_locked=True).scalar_subquery())
            .values(next_try_at=func.now() + _LEASE, tries=table.tries + 1)
            .returning(table.mail_id, table.sealed, table.tries, table.created_at < func.now() - GIVE_UP)
        )
        async with self._database.transaction() as session:
            row = (await session.execute(lease)).one_or_none()
        if row is None:
            return False
        mail_id, sealed, tries, too_old = row
        error = "" if too_old else await self._try(mail_id, sealed)
        if too_old:
            log.error("mail %s was not taken for a day and is given up", mail_id)
        async with self._database.transaction() as session:
            if error:
                later = func.now() + timedelta(seconds=min(2.0**tries, 600.0))
                again = update(self._table).where(table.mail_id == mail_id)
                await session.execute(again.values(next_try_at=later, last_error=error))
            else:
                await session.execute(delete(self._table).where(table.mail_id == mail_id))
        return True

    async def _try(self, mail_id: UUID, sealed: bytes) -> str:
        """Why it was not sent; empty: it was."""
        to = written = ""
        try:
            to, subject, text = json.loads(self._sealer.open(sealed, bound_to=f"mail:{mail_id}"))
            written = _address(to)
            await self._mailer.send(self._letter(mail_id, to=to, subject=subject, text=text))
        # ValueError: it was put when other rules held.
        except (MailRefused, SealBroken, ValueError) as error:
            reason = str(error)
            # Servers repeat the address in their answers; neither the table nor the log keeps it in clear.
            for address in filter(None, (to, written)):
                reason = reason.replace(address, "…")
            log.warning("mail %s is not sent yet: %s", mail_id, reason)
            return reason[:500]
        return ""

    def _letter(self, mail_id: UUID, *, to: str, subject: str, text: str) -> EmailMessage:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._sender, _address(to), subject
        letter["Date"] = formatdate(localtime=False)
        # The same id at every try: a server that took it before may know it again.
        letter["Message-ID"] = f"<{mail_id}@{parseaddr(self._sender)[1].rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(text)
        return letter


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(to: str) -> str:
    """As mail servers take it: a domain in other letters than theirs is written in their own.

    By the rules of 2008, by which addresses are stored. Those of 2003, which are Python's own, make ss of ß: another
    domain, so that somebody else would get the link.
    """
    try:
        found = validate_email(to, check_deliverability=False)
    except EmailNotValidError:
        raise ValueError("no single e-mail address") from None
    return f"{found.local_part}@{found.ascii_domain}"
