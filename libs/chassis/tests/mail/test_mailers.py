"""Where letters go: files, SMTP with TLS and nothing else, or nowhere."""

import asyncio
import email
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chassis.clock import now
from chassis.mail import FileMailer, MailRefused, NoMailer, SmtpMailer, mailer

HOUR = timedelta(hours=1)
# As `put` writes them.
TOKEN = "canary-token-0123456789"
TO, SUBJECT, TEXT = "minji@example.com", "[GrowFit] 이메일 주소를 확인하세요", f"링크: https://x/#token={TOKEN}\n끝"


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
