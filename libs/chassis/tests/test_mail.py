"""Letters: in the change's transaction, sealed until they are sent, sent once, and given up at last."""

import asyncio
import base64
import email
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from sqlalchemy import func, select, update

from chassis.clock import now
from chassis.errors import DATABASE_UNAVAILABLE, Unavailable
from chassis.mail import FileMailer, MailQueue, MailRefused, NoMailer, SmtpMailer, mailer
from chassis.sealing import Sealer

HOUR = timedelta(hours=1)
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


async def test_letters_as_files(put, queue_with, tmp_path: Path, waiting) -> None:
    folder = tmp_path / "뜻밖의 folder" / "mail"
    await put()
    await put(to="other@example.com")
    queue = queue_with(mailer(folder.as_uri()))
    while await queue.send_next():
        pass
    found = [email.message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]
    assert sorted(letter["To"] for letter in found) == [TO, "other@example.com"]
    assert {letter.get_content().strip() for letter in found} == {TEXT}
    assert folder.stat().st_mode & 0o077 == 0, "the links in them are for their readers"
    assert len(list(folder.iterdir())) == 2, "no half-written ones"
    assert await waiting() == []


async def test_a_folder_that_cannot_be_written_is_tried_again(put, queue_with, tmp_path: Path, waiting) -> None:
    (tmp_path / "mail").write_text("not a folder")
    await put()
    await queue_with(FileMailer(tmp_path / "mail")).send_next()
    assert (await waiting())[0].tries == 1


async def test_without_a_mailer_letters_wait(put, queue_with, waiting, caplog) -> None:
    await put()
    assert isinstance(mailer(""), NoMailer)
    await queue_with(mailer("")).send_next()
    assert (await waiting())[0].last_error == "MAIL_URL is not set"
    assert "MAIL_URL is not set" in caplog.text


@pytest.mark.parametrize("url", ["http://x", "smtp://", "smtp:", "file://", "mail", "smtp//host", "sendmail:///x"])
def test_an_address_of_no_mailer(url: str) -> None:
    with pytest.raises(ValueError, match="MAIL_URL must be"):
        mailer(url)


class Server:
    """A mail server that refuses some recipients."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], bytes]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.port = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  aiosmtpd's
        if address.startswith("nobody"):
            return f"550 5.1.1 <{address}>: Recipient address rejected"
        if address.startswith("busy"):
            return "451 4.7.1 Greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        is_right = data.password == b"p@ss:word"
        # Not handled: the server itself says that it is wrong.
        return AuthResult(success=is_right, handled=is_right)


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """On this machine. `tls`: it offers STARTTLS."""
    found = Server()

    def connection() -> SMTP:
        return SMTP(found, authenticator=found.authenticate, auth_require_tls=False, tls_context=tls)

    door = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    found.port = door.sockets[0].getsockname()[1]
    yield found
    door.close()
    await door.wait_closed()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """It offers no TLS."""
    async with listening() as found:
        yield found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key behind it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    builder = x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
    builder = builder.serial_number(1).not_valid_before(now() - HOUR).not_valid_after(now() + HOUR)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(names, critical=False).sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(signed.public_bytes(Encoding.PEM) + pem)
    return path


@pytest.fixture
async def tls_server(certificate: Path) -> AsyncIterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with listening(context) as found:
        yield found


@pytest.fixture
def trusted(certificate: Path, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


async def test_letters_by_smtp(put, queue_with, server: Server, waiting) -> None:
    await put()
    queue = queue_with(mailer(f"smtp://127.0.0.1:{server.port}"))
    assert await queue.send_next() is True
    ((sender, recipients, content),) = server.taken
    assert (sender, recipients) == ("no-reply@growfit.example", [TO])
    letter = email.message_from_bytes(content, policy=default)
    assert (letter["Subject"], letter.get_content().split()) == (SUBJECT, TEXT.split())
    assert await waiting() == []


@pytest.mark.parametrize("who", ["nobody", "busy"])
async def test_a_recipient_that_the_server_refuses(put, queue_with, server: Server, waiting, caplog, who) -> None:
    await put(to=f"{who}@example.com")
    await put()
    queue = queue_with(mailer(f"smtp://127.0.0.1:{server.port}"))
    while await queue.send_next():
        pass
    assert [recipients for _, recipients, _ in server.taken] == [[TO]], "the other letter goes on"
    (row,) = await waiting()
    assert "550" in row.last_error or "451" in row.last_error
    assert f"{who}@example.com" not in row.last_error + caplog.text


@pytest.mark.usefixtures("trusted")
async def test_a_login_at_the_server(put, queue_with, tls_server: Server, waiting) -> None:
    await put()
    await queue_with(mailer(f"smtp://grow%40fit:p%40ss%3Aword@127.0.0.1:{tls_server.port}")).send_next()
    assert tls_server.logins == [(b"grow@fit", b"p@ss:word")]
    assert (len(tls_server.taken), await waiting()) == (1, [])
    await put()
    await queue_with(mailer(f"smtp://grow%40fit:wrong@127.0.0.1:{tls_server.port}")).send_next()
    (row,) = await waiting()
    assert "535" in row.last_error
    assert "wrong" not in row.last_error
    assert len(tls_server.taken) == 1


# 0.0.0.0 is this machine too, and not by its name.
@pytest.mark.parametrize("at", ["grow%40fit:p%40ss%3Aword@127.0.0.1", "0.0.0.0"])
async def test_a_server_without_tls_gets_neither_password_nor_letter(
    put, queue_with, server: Server, waiting, at
) -> None:
    await put()
    await queue_with(mailer(f"smtp://{at}:{server.port}")).send_next()
    assert (server.logins, server.taken) == ([], [])
    (row,) = await waiting()
    assert "STARTTLS" in row.last_error


async def test_nor_does_one_whose_certificate_nobody_trusts(put, queue_with, tls_server: Server, waiting) -> None:
    await put()
    await queue_with(mailer(f"smtp://grow%40fit:p%40ss%3Aword@127.0.0.1:{tls_server.port}")).send_next()
    assert (tls_server.logins, tls_server.taken) == ([], [])
    (row,) = await waiting()
    assert "certificate" in row.last_error.lower()


async def test_a_server_that_is_not_there(put, queue_with, waiting) -> None:
    await put()
    assert isinstance(mailer("smtps://127.0.0.1:1"), SmtpMailer)
    for url in ("smtp://127.0.0.1:1", "smtps://127.0.0.1:1"):
        with pytest.raises(MailRefused):
            await mailer(url).send(EmailMessage())
    await queue_with(mailer("smtp://127.0.0.1:1")).send_next()
    assert (await waiting())[0].tries == 1
