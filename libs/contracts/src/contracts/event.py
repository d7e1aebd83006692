"""The base of every event: a frozen pydantic model that knows its own type, which is also its NATS subject."""

import re
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

TYPE_PATTERN = re.compile(r"[a-z_]+\.[a-z_]+\.[a-z_]+\.v[1-9][0-9]*")

_registry: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """Subclass with `type="<package>.<noun>.<past verb>.v<N>"` and `key="<field>"`.

    `key` names the field with the aggregate's id. Fields may be added to a published version, never
    removed or changed: consumers ignore what they do not know, and a breaking change is a new type.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    key: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Python hands the class keywords to this hook before the fields exist; pydantic's own hook takes them.
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, *, type: str = "", key: str = "", **kwargs: Any) -> None:  # noqa: A002
        super().__pydantic_init_subclass__(**kwargs)
        if not type:
            return
        if not TYPE_PATTERN.fullmatch(type):
            raise TypeError(f"{cls.__name__}: {type!r} is not <package>.<noun>.<past verb>.v<N>")
        if type in _registry:
            raise TypeError(f"{type} is defined twice: {_registry[type].__name__} and {cls.__name__}")
        if key not in cls.model_fields:
            raise TypeError(f"{cls.__name__} has no field {key!r} to be its aggregate id")
        cls.type, cls.key = type, key
        _registry[type] = cls

    @classmethod
    def publisher(cls) -> str:
        return cls.type.split(".", 1)[0]

    @property
    def aggregate_id(self) -> UUID:
        value: UUID = getattr(self, self.key)
        return value


def registered() -> dict[str, type[Event]]:
    """Every event type known so far, by type. Import `contracts.catalogue` to know all of them."""
    return dict(_registry)
