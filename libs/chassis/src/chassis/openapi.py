"""The API's description: what every route behind a login may answer is added in one place."""

from typing import Any

from fastapi import FastAPI

from chassis.errors import Forbidden, RateLimited, Unauthenticated, Unavailable
from chassis.problems import responses

# No valid session; a key that does not reach the route; the requests of this minute; the database.
_BEHIND_A_LOGIN = responses(Unauthenticated, Forbidden, RateLimited, Unavailable)


def install(app: FastAPI) -> None:
    describe = app.openapi

    def described() -> dict[str, Any]:
        document: dict[str, Any] = describe()
        for methods in document["paths"].values():
            for operation in methods.values():
                if operation.get("security"):
                    _add(operation["responses"])
        return document

    app.openapi = described  # type: ignore[method-assign]


def _add(documented: dict[str, Any]) -> None:
    for status, response in _BEHIND_A_LOGIN.items():
        documented.setdefault(str(status), response)
