"""Reading JSON bodies without passing over anything: a field that is not asked for is refused."""

from typing import Any

from growfit_local.qdrant.errors import BadRequest, NotHere


class Fields:
    """The fields of one JSON object. Nulls are as good as absent, as they are for Qdrant."""

    def __init__(self, value: Any, *, what: str) -> None:
        if not isinstance(value, dict):
            raise BadRequest(f"{what} must be an object, not {value!r:.80}")
        self._left = {key: each for key, each in value.items() if each is not None}
        self._what = what

    def take(self, name: str, default: Any = None) -> Any:
        return self._left.pop(name, default)

    def need(self, name: str) -> Any:
        if name not in self._left:
            raise BadRequest(f"{self._what} needs {name!r}")
        return self._left.pop(name)

    def number(self, name: str, default: int | None = None) -> int | None:
        value = self.take(name, default)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise BadRequest(f"{self._what}: {name} must be an integer from 0, not {value!r:.80}")
        return value

    def end(self) -> None:
        if self._left:
            raise NotHere(f"{self._what}: this local server does not know {', '.join(sorted(self._left))}")


def as_list(value: Any) -> list[Any]:
    """Qdrant takes one condition where it takes a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
