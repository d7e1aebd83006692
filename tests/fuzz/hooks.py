"""What schemathesis does not send, what it sends instead of ids that nobody has, and what it reached."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID
from zlib import crc32

import schemathesis

# The gateway answers these in a path itself, with an empty 400, and no service hears of them.
_REFUSED = frozenset("\\#\x00%?;/")
# By whose they are, then by the name of the parameter or field: {"ours": {"org_id": …}, "theirs": …}.
_IDS: dict[str, dict[str, str]] = json.loads(os.environ["FUZZ_IDS"])
_REACHED = Path(os.environ["FUZZ_REACHED"])
# An id that was made up is nobody's, and a route that was only asked for such has answered 404 and nothing else.
_WHOSE = ("ours", "ours", "theirs", None)


@schemathesis.hook
def filter_path_parameters(context: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> bool:
    return not any(_REFUSED & set(unquote(str(value))) for value in (path_parameters or {}).values())


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    return _with_known(path_parameters)


@schemathesis.hook
def map_query(context: schemathesis.HookContext, query: Any) -> Any:
    return _with_known(query)


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    return _with_known(body)


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response) -> None:
    operation = case.operation
    # Methods that a path does not have are tried too, and never let in.
    if case.method.upper() == operation.method.upper():
        with _REACHED.open("a", encoding="utf-8") as file:
            file.write(f"{response.status_code} {case.method.upper()} {operation.path}\n")


def _with_known(values: Any) -> Any:
    """Decided by the values alone, so that a case that failed can be made again."""
    if not isinstance(values, dict):
        return values
    whose = _WHOSE[crc32(repr(values).encode("utf-8", "backslashreplace")) % len(_WHOSE)]
    known = _IDS[whose] if whose else {}
    return {name: known[name] if name in known and _is_id(value) else value for name, value in values.items()}


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
