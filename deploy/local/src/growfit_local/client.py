"""A small client of the public API, through the gateway alone, for the demo, the end-to-end tests and the bench."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
# What one service tells another travels on the bus; a fresh class or member may be unknown for a moment.
_SETTLING_SECONDS = 15.0
_PAUSE = 0.2


class ApiError(Exception):
    """The answer was a problem. `problem` is its body, `status` the HTTP status."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        return str(self.problem.get("code"))


@dataclass
class Answer:
    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, Any] = field(default_factory=dict)
    first_token_seconds: float | None = None

    @property
    def refused(self) -> bool:
        """Nothing was found that answers: an answer without any citation."""
        return not self.citations

    @property
    def pages(self) -> list[int]:
        return [citation["page_from"] for citation in self.citations]


class Client:
    """One person at the API; anonymous until `log_in`."""

    def __init__(self, url: str, *, language: str = "ko") -> None:
        self._http = httpx.Client(
            base_url=url, timeout=_TIMEOUT, headers={"Accept-Language": language}, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries: language, and the access token once logged in."""
        return {
            name: self._http.headers[name]
            for name in ("Accept-Language", "Authorization")
            if name in self._http.headers
        }

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """The answer's JSON; None for an empty one. Raises ApiError."""
        return _json(self._http.request(method, path, **arguments))

    def settled(self, method: str, path: str, **arguments: Any) -> Any:
        """`call`, repeated for the moments in which what was made or verified elsewhere is not known here."""
        until = time.monotonic() + _SETTLING_SECONDS
        while True:
            try:
                return self.call(method, path, **arguments)
            except ApiError as error:
                settles = error.status == httpx.codes.NOT_FOUND or error.code == "user_unverified"
                if not settles or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)

    def sign_up(self, email: str, password: str, display_name: str) -> dict[str, Any]:
        body = {"email": email, "password": password, "display_name": display_name}
        made: dict[str, Any] = self.call("POST", "/auth/sign-up", json=body)
        self.log_in(email, password)
        return made

    def log_in(self, email: str, password: str) -> None:
        tokens = self.call("POST", "/auth/login", json={"email": email, "password": password})
        self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def upload(self, path: Path, **query: Any) -> dict[str, Any]:
        """Send a file; repeated while the class is not known to ingest yet."""
        until = time.monotonic() + _SETTLING_SECONDS
        while True:
            try:
                return self._send(path, query)
            except ApiError as error:
                if error.code != "class_not_found" or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE)

    def _send(self, path: Path, query: dict[str, Any]) -> dict[str, Any]:
        with path.open("rb") as file:
            made: dict[str, Any] = self.call("POST", "/documents", params=query, files={"file": (path.name, file)})
        return made

    def follow(self, document_id: str) -> Iterator[dict[str, Any]]:
        """The document at every change until its end."""
        with self.events("GET", f"/documents/{document_id}/events") as events:
            for _, data in events:
                yield data

    def ready(self, document_id: str) -> dict[str, Any]:
        """The document at its end, whatever that is."""
        *_, last = self.follow(document_id)
        return last

    def ask(self, conversation_id: str, text: str) -> Iterator[tuple[str, Answer]]:
        """Each piece of text as it comes, with the answer so far; the last piece is empty. Raises ApiError."""
        answer, began = Answer(), time.perf_counter()
        path = f"/conversations/{conversation_id}/messages"
        with self.events("POST", path, json={"text": text}) as events:
            for name, data in events:
                match name:
                    case "token":
                        if answer.first_token_seconds is None:
                            answer.first_token_seconds = time.perf_counter() - began
                        answer.text += data["text"]
                        yield data["text"], answer
                    case "citation":
                        answer.citations.append(data)
                    case "error":
                        raise ApiError(data["status"], data)
                    case "done":
                        answer.done = data
        yield "", answer

    def answer(self, conversation_id: str, text: str) -> Answer:
        *_, (_, answer) = self.ask(conversation_id, text)
        return answer

    @contextmanager
    def events(self, method: str, path: str, **arguments: Any) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """Server-sent events as (name, data)."""
        with self._http.stream(method, path, **arguments) as answer:
            if answer.is_error:
                answer.read()
                _json(answer)
            yield _parse(answer.iter_lines())


def _parse(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


def _json(answer: httpx.Response) -> Any:
    try:
        body = answer.json() if answer.content else None
    except ValueError:
        body = {"code": "not_json", "detail": answer.text[:300]}
    if answer.is_error:
        raise ApiError(answer.status_code, body if isinstance(body, dict) else {"detail": str(body)})
    return body
