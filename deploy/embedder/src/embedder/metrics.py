"""What Prometheus sees of the embedder."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


class Metrics:
    """A registry of its own, so that two apps in one process (tests) do not share counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._tokens = Counter(
            "embedder_tokens", "Tokens embedded, special tokens included", ["lane"], registry=self._registry
        )
        self._texts = Counter("embedder_texts", "Texts embedded", ["lane"], registry=self._registry)
        self._dropped = Counter(
            "embedder_dropped_texts", "Texts not embedded because the client left", ["lane"], registry=self._registry
        )
        self._refused = Counter(
            "embedder_overloaded_requests", "Requests answered 503 because of the queue", registry=self._registry
        )
        self._seconds = Histogram(
            "embedder_request_seconds",
            "From the whole request read to its answer ready; a request with a passage counts as passage",
            ["lane"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._waiting = Gauge("embedder_waiting_texts", "Texts in the queue", ["lane"], registry=self._registry)

    def watch_queue(self, lane: str, waiting: Callable[[], int]) -> None:
        self._waiting.labels(lane).set_function(waiting)

    def embedded(self, lane: str, *, tokens: int) -> None:
        self._texts.labels(lane).inc()
        self._tokens.labels(lane).inc(tokens)

    def dropped(self, lane: str, *, texts: int) -> None:
        self._dropped.labels(lane).inc(texts)

    def refused(self) -> None:
        self._refused.inc()

    def answered(self, lane: str, *, seconds: float) -> None:
        self._seconds.labels(lane).observe(seconds)

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
