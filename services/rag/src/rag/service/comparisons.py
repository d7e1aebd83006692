"""How shadow searches compare, summed up until they are reported."""

from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean, median

from chassis.clock import now
from chassis.ids import new_id
from contracts.rag import ShadowSearchesCompared
from rag.service.readers import Found
from retrieval.store import Hit


@dataclass(slots=True)
class Comparison:
    """Of one index with another, since some moment."""

    index: str
    against: str
    since: datetime = field(default_factory=now)
    failures: int = 0
    overlaps: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    against_milliseconds: list[float] = field(default_factory=list)

    def add(self, answered: Found, other: Found, *, number: int) -> None:
        self.overlaps.append(overlap(answered.hits[:number], other.hits[:number]))
        self.milliseconds.append(other.milliseconds)
        self.against_milliseconds.append(answered.milliseconds)

    def fail(self) -> None:
        self.failures += 1

    def report(self) -> ShadowSearchesCompared:
        """Of failures alone, the figures of searches are 0, as is their number."""
        compared = bool(self.overlaps)
        return ShadowSearchesCompared(
            report_id=new_id(),
            index=self.index,
            against=self.against,
            searches=len(self.overlaps),
            failures=self.failures,
            overlap=fmean(self.overlaps) if compared else 0.0,
            worst=min(self.overlaps) if compared else 0.0,
            milliseconds=median(self.milliseconds) if compared else 0.0,
            against_milliseconds=median(self.against_milliseconds) if compared else 0.0,
            since=self.since,
            until=now(),
        )


class Comparisons:
    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Comparison] = {}

    def of(self, index: str, *, against: str) -> Comparison:
        return self._held.setdefault((index, against), Comparison(index, against))

    def take(self) -> list[Comparison]:
        """What there is since the last time; the next search begins anew."""
        taken, self._held = self._held, {}
        return list(taken.values())

    def give_back(self, taken: list[Comparison]) -> None:
        """They could not be reported, and are with the next ones."""
        for earlier in taken:
            later = self._held.get((earlier.index, earlier.against))
            self._held[earlier.index, earlier.against] = earlier
            if later is not None:
                earlier.failures += later.failures
                earlier.overlaps += later.overlaps
                earlier.milliseconds += later.milliseconds
                earlier.against_milliseconds += later.against_milliseconds


def overlap(hits: list[Hit], others: list[Hit]) -> float:
    """The share of the chunks that both brought; 1 when neither brought any."""
    ids, other_ids = {hit.id for hit in hits}, {hit.id for hit in others}
    return len(ids & other_ids) / max(len(ids), len(other_ids)) if ids or other_ids else 1.0
