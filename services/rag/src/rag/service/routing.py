"""Which index answers whose search: ingest's rule, and what it says for one caller."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self
from uuid import UUID

from contracts.ingest import ReadIndex, ReadRoute, ShadowRead

_BUCKETS = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """Where one search reads. `instead`: the default index, still written, which answers when `index` cannot."""

    index: ReadIndex
    instead: ReadIndex | None = None
    shadows: tuple[ShadowRead, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    default: ReadIndex
    routes: tuple[ReadRoute, ...] = ()
    shadows: tuple[ShadowRead, ...] = ()

    @classmethod
    def of(cls, said: dict[str, Any]) -> Self:
        """From the form in which it is stored."""
        return cls(
            ReadIndex.model_validate(said["default"]),
            tuple(map(ReadRoute.model_validate, said["routes"])),
            tuple(map(ShadowRead.model_validate, said["shadows"])),
        )

    @property
    def names_orgs(self) -> bool:
        return any(route.org_ids for route in self.routes)

    def reading(self, user_id: UUID, org_ids: Collection[UUID]) -> Reading:
        """The first route that takes the user, or the default index."""
        for route in self.routes:
            if bucket(user_id) < route.share or not set(org_ids).isdisjoint(route.org_ids):
                instead = None if route.index == self.default.index else self.default
                return Reading(route, instead, self.shadows)
        return Reading(self.default, None, self.shadows)


def bucket(user_id: UUID) -> int:
    """0..99, the same for ever and in every process: whoever a share of 10 takes, a share of 20 takes too."""
    return int.from_bytes(blake2b(user_id.bytes, digest_size=8).digest()) % _BUCKETS
