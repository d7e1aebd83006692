"""The gateway's routes over the real Traefik, with stand-ins for the services."""

import http.client
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from growfit_local.stack import Stack

ROUTES = {
    "identity": ["/auth/login", "/users/me", "/platform-settings", "/.well-known/jwks.json"],
    "org-partner": ["/orgs", "/partners/1", "/classes/1/students", "/invite-codes/redeem", "/enrollments"],
    "ingest": ["/documents", "/documents/1/events", "/uploads/1", "/files/a-token"],
    "rag": ["/projects", "/agents/1", "/conversations/1/messages", "/search"],
    "usage-metrics": ["/usage/summary", "/audit-events/export"],
}


class StandIn(BaseHTTPRequestHandler):
    """Says which service it is and what it was asked; /documents waits for the test before it goes on."""

    protocol_version = "HTTP/1.1"
    name = ""
    half_way = threading.Event()
    go_on = threading.Event()

    def do_GET(self):
        if self.path == "/documents/stream":
            return self.stream()
        body = f"{self.name} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.send_header("X-Seen-Prefix", self.headers.get("X-Forwarded-Prefix", ""))
        self.send_header("X-Seen-Path", self.headers.get("X-Replaced-Path", ""))
        self.send_header("X-Seen-For", self.headers.get("X-Forwarded-For", ""))
        self.end_headers()
        self.wfile.write(body)
        return None

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        if self.go_on.wait(10):
            self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def do_POST(self):
        wanted = int(self.headers["Content-Length"])
        got = len(self.rfile.read(1_000))
        self.half_way.set()
        while got < wanted:
            got += len(self.rfile.read(min(1_000_000, wanted - got)))
        body = str(got).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def stand_in(name, port):
    handler = type(name, (StandIn,), {"name": name})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def gateway(root, **settings):
    stack = Stack(root, only=["traefik"], settings=settings)
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("gateway")) as stack:
        yield stack


@pytest.fixture
def client(running):
    with httpx.Client(base_url=running.url, timeout=10) as client:
        yield client


@pytest.mark.parametrize("name", ROUTES)
def test_each_path_reaches_its_service(running, client, name):
    with stand_in(name, running.layout.ports[name]):
        for path in ROUTES[name]:
            assert client.get(path).text == f"{name} {path}"


@pytest.mark.parametrize("name", ROUTES)
def test_a_service_tells_about_itself_under_its_prefix_and_keeps_the_rest_inside(running, client, name):
    with stand_in(name, running.layout.ports[name]):
        for page in ("/health", "/openapi.json", "/docs"):
            answer = client.get(f"/services/{name}{page}")
            assert answer.text == f"{name} {page}"
            assert answer.headers["X-Seen-Prefix"] == f"/services/{name}"
    with stand_in("identity", running.layout.ports["identity"]):
        for inside in ("/metrics", "/ready", "/documents", "/health/../metrics"):
            assert client.get(f"/services/{name}{inside}").text == "identity /no-such-path"


NOWHERE = ["/", "/metrics", "/ready", "/authx", "/usage-metrics", "/services/other/health", "/service-down"]


@pytest.mark.parametrize("path", NOWHERE)
def test_what_has_no_route_reaches_one_path_that_no_service_has(running, client, path):
    with stand_in("identity", running.layout.ports["identity"]):
        answer = client.get(path)
    assert answer.text == "identity /no-such-path"
    assert answer.headers["X-Seen-Path"] == path


def test_nobody_can_claim_another_address(running, client):
    with stand_in("rag", running.layout.ports["rag"]):
        answer = client.get("/search", headers={"X-Forwarded-For": "203.0.113.9"})

    assert answer.headers["X-Seen-For"] == "127.0.0.1"


def test_a_path_that_two_parsers_could_read_in_two_ways_is_refused(running, client):
    with stand_in("ingest", running.layout.ports["ingest"]):
        assert client.get("/documents/..%2Fmetrics").status_code == 400


def test_for_a_service_that_is_down_identity_answers(running, client):
    with stand_in("identity", running.layout.ports["identity"]):
        for method in ("GET", "POST", "DELETE"):
            answer = client.request(method, "/usage/summary", headers={"Accept-Language": "en"})
            assert (answer.status_code, answer.text) == (503, "identity /service-down")


def test_with_identity_down_as_well_it_is_a_plain_gateway_error(client):
    assert client.get("/usage/summary").status_code in (502, 503)


def test_the_first_event_arrives_while_the_answer_is_still_being_written(running, client):
    StandIn.go_on.clear()
    with stand_in("ingest", running.layout.ports["ingest"]), client.stream("GET", "/documents/stream") as answer:
        parts = answer.iter_text()
        assert next(parts) == "data: first\n\n"
        StandIn.go_on.set()
        assert next(parts) == "data: second\n\n"


def test_an_upload_streams_through_whatever_its_size(running):
    StandIn.half_way.clear()
    size = 50_000_000
    with stand_in("ingest", running.layout.ports["ingest"]):
        connection = http.client.HTTPConnection("127.0.0.1", running.layout.ports["gateway"], timeout=30)
        connection.putrequest("POST", "/documents")
        connection.putheader("Content-Length", str(size))
        connection.endheaders(b"x" * 1_000_000)
        # The service reads the beginning before the end is sent: nothing in between waits for the whole.
        assert StandIn.half_way.wait(10)
        connection.send(b"x" * (size - 1_000_000))
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (202, str(size).encode())
        connection.close()


def test_one_address_cannot_ask_without_end(tmp_path):
    with (
        gateway(tmp_path, RATE_LIMIT_AVERAGE="1", RATE_LIMIT_BURST="5") as stack,
        stand_in("rag", stack.layout.ports["rag"]),
        httpx.Client(base_url=stack.url, timeout=10) as client,
    ):
        codes = [client.get("/search").status_code for _ in range(12)]

    assert codes[:3] == [200] * 3
    assert codes.count(429) >= 5
