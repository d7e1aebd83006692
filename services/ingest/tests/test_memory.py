"""A file of 200 MB goes through the HTTP process without ever being in it, on its way in and on its way out."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import jwt
import pytest

MB = 1000**2
LIMIT_MB = 200
PIECE = b"%PDF-1.7" + bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def jwks_url(signer) -> Iterator[str]:
    public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(signer._private.public_key()))
    keys = json.dumps({"keys": [public | {"kid": "test-key", "alg": "EdDSA"}]}).encode()

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()


@contextmanager
def door(settings, **changed: str) -> Iterator[tuple[int, int]]:
    """The HTTP door as a process: its id and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = ("database_url", "nats_url", "nats_nkey_seed", "vector_database_url", "embedding_base_url")
    environment = {name.upper(): getattr(settings, name) for name in names}
    environment |= {"APP_ENV": "test", "LINK_SIGNING_KEY": settings.link_signing_key.get_secret_value(), **changed}
    command = [sys.executable, "-m", "chassis.serve", "ingest", "--doors", "http", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            connection = HTTPConnection("127.0.0.1", port)
            try:
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.1)
            finally:
                connection.close()
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(20)


def peak_mb(pid: int) -> float:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024 / MB


def body(size: int) -> Iterator[bytes]:
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="large.pdf"\r\n\r\n'
    left = size
    while left:
        yield PIECE[:left]
        left -= min(left, len(PIECE))
    yield b"\r\n--x--\r\n"


@pytest.fixture
def bucket(s3_url) -> dict[str, str]:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=s3_url, **keys).create_bucket(Bucket="large")
    own = {"S3_REGION": "us-east-1", "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret"}
    return {"STORAGE_URL": "s3://large/documents of this installation", "S3_ENDPOINT": s3_url, **own}


def upload(port: int, size: int, headers: dict[str, str]) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", "/documents", body(size), headers | form, encode_chunked=True)
    answer = connection.getresponse()
    made = json.loads(answer.read())
    connection.close()
    assert (answer.status, made.get("size_bytes")) == (202, size), made
    return str(made["document_id"])


def download(port: int, document_id: str, headers: dict[str, str]) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", f"/documents/{document_id}/content", headers=headers)
    answer, read = connection.getresponse(), 0
    while piece := answer.read(1024**2):
        read += len(piece)
    connection.close()
    assert answer.status == 200
    return read


@pytest.fixture
def headers(person, signer) -> dict[str, str]:
    return {"Authorization": f"Bearer {signer.token(person.user_id)}"}


def test_neither_an_upload_nor_a_download_is_held_in_memory(settings, tmp_path, jwks_url, wired, headers) -> None:
    with door(settings, JWKS_URL=jwks_url, STORAGE_URL=tmp_path.as_uri()) as (pid, port):
        document_id = upload(port, 200 * MB, headers)
        assert peak_mb(pid) < LIMIT_MB
        assert download(port, document_id, headers) == 200 * MB
        assert peak_mb(pid) < LIMIT_MB


def test_nor_one_that_goes_to_s3(settings, bucket, jwks_url, wired, headers) -> None:
    """Smaller, for the server's sake; held in memory it would show as well."""
    with door(settings, JWKS_URL=jwks_url, **bucket) as (pid, port):
        upload(port, 60 * MB, headers)
        assert peak_mb(pid) < LIMIT_MB
