import re
from collections import Counter
from itertools import combinations

import pytest

from contracts.catalogue import PUBLISHERS, event_types
from contracts.event import Event, registered
from contracts.streams import ADVISORIES, ANALYTICS, CONSUMERS, DEAD, SERVICES, STREAMS, Consumer, consumers_of

BY_NAME = {stream.name: stream for stream in STREAMS}
WORKING = [consumer for consumer in CONSUMERS if consumer.events]


def durable_at(consumer: Consumer) -> str:
    return f"{consumer.durable}@{consumer.stream}"


def covers(pattern: str, subject: str) -> bool:
    """NATS's own rule: `*` is one token, `>` is all that follow."""
    tokens, parts = subject.split("."), pattern.split(".")
    for place, part in enumerate(parts):
        if part == ">":
            return len(tokens) > place
        if place >= len(tokens) or part not in ("*", tokens[place]):
            return False
    return len(tokens) == len(parts)


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_every_event_goes_to_the_stream_of_its_publisher_and_to_no_other(event: type[Event]) -> None:
    takers = [stream.name for stream in STREAMS if any(covers(pattern, event.type) for pattern in stream.subjects)]
    assert takers == [event.publisher().upper()]


def test_every_publisher_is_a_service_and_has_one_stream() -> None:
    assert set(PUBLISHERS) == set(SERVICES)
    assert [stream.name for stream in STREAMS] == [*(service.upper() for service in SERVICES), "DEAD"]


def test_no_two_streams_and_no_two_events_share_a_subject() -> None:
    patterns = [pattern for stream in STREAMS for pattern in stream.subjects]
    assert not [pair for pair in combinations(patterns, 2) if pair[0].split(".")[:3] == pair[1].split(".")[:3]]
    assert len(registered()) == len({event.type for event in event_types()}) == len(event_types())


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_a_dead_letter_of_every_event_has_a_place(event: type[Event]) -> None:
    assert any(covers(pattern, f"dead.{event.type}") for pattern in DEAD.subjects)


@pytest.mark.parametrize("consumer", WORKING, ids=durable_at)
def test_a_consumer_reads_events_that_exist_in_the_stream_that_carries_them(consumer: Consumer) -> None:
    for event in consumer.events:
        assert registered()[event.type] is event
        assert event.publisher().upper() == consumer.stream
    assert len(set(consumer.filter_subjects)) == len(consumer.filter_subjects)


@pytest.mark.parametrize("consumer", CONSUMERS, ids=durable_at)
def test_a_durable_is_named_after_its_service_and_handler(consumer: Consumer) -> None:
    assert consumer.service in (*SERVICES, "analytics")
    assert consumer.durable == f"{consumer.service}-{consumer.handler}"
    assert re.fullmatch(r"[a-z_]+-[a-z_]+", consumer.durable)
    assert consumer.stream in BY_NAME
    assert consumer.filter_subjects, "a durable without a filter would read the whole stream"


def test_a_durable_s_name_is_unique_in_its_stream() -> None:
    counted = Counter((consumer.stream, consumer.durable) for consumer in CONSUMERS)
    assert [key for key, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("consumer", WORKING, ids=durable_at)
def test_used_up_deliveries_are_told_to_the_service_without_end(consumer: Consumer) -> None:
    [grave] = [each for each in consumers_of(consumer.service) if each.handler == "bury_exhausted"]
    assert f"{ADVISORIES}.{consumer.stream}.{consumer.durable}" in grave.filter_subjects
    assert any(covers(pattern, grave.filter_subjects[0]) for pattern in DEAD.subjects)
    assert grave.max_deliver == -1
    assert consumer.max_deliver > 0, "a working consumer must give up some day"


def test_analytics_reads_every_service_s_stream_and_nothing_else() -> None:
    assert [consumer.stream for consumer in ANALYTICS] == [service.upper() for service in SERVICES]
    assert all(consumer.filter_subjects == BY_NAME[consumer.stream].subjects for consumer in ANALYTICS)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_a_stream_keeps_messages_as_long_as_the_outbox_can_send_them_again(stream: object) -> None:
    assert BY_NAME[stream.name].max_age >= 7 * 86_400
    assert BY_NAME[stream.name].duplicate_window >= 600
