"""Which index a rule gives to whom."""

from uuid import UUID, uuid4

import pytest

from contracts.ingest import ReadIndex, ReadRoute, ShadowRead
from rag.service.routing import Rule, bucket


def named(number: int) -> dict[str, object]:
    return {"index": f"pgvector:m{number}:8", "backend": "pgvector", "model": f"m{number}", "dimension": 8}


DEFAULT = ReadIndex(**named(0))


def rule(*routes: dict[str, object]) -> Rule:
    return Rule(DEFAULT, tuple(ReadRoute(**named(n), **each) for n, each in enumerate(routes, start=1)))


def test_without_routes_the_default_is_read_and_nothing_stands_in_for_it() -> None:
    reading = rule().reading(uuid4(), [uuid4()])
    assert (reading.index, reading.instead) == (DEFAULT, None)


@pytest.mark.parametrize(("share", "routed"), [(0, 0), (100, 300)])
def test_a_share_of_none_and_of_all(share: int, routed: int) -> None:
    readings = [rule({"share": share}).reading(uuid4(), []) for _ in range(300)]
    assert sum(reading.index.model == "m1" for reading in readings) == routed
    assert all(reading.instead == DEFAULT for reading in readings if reading.index.model == "m1")


def test_buckets_are_even_and_stay() -> None:
    users = [UUID(int=n) for n in range(10_000)]
    buckets = [bucket(user) for user in users]
    assert (min(buckets), max(buckets)) == (0, 99)
    assert sum(each < 10 for each in buckets) == pytest.approx(1000, abs=150)
    # Of another process, too: these would move users between indexes if they changed.
    assert [bucket(UUID(int=n)) for n in range(5)] == buckets[:5] == [66, 2, 47, 70, 81]


def test_whoever_a_share_takes_a_larger_one_takes_too() -> None:
    small, large = rule({"share": 10}), rule({"share": 40})
    taken = [user for user in map(UUID, (str(uuid4()) for _ in range(500))) if small.reading(user, []).instead]
    assert taken
    assert all(large.reading(user, []).instead for user in taken)


def test_an_org_is_routed_with_everybody_who_has_a_part_in_it() -> None:
    one, other = uuid4(), uuid4()
    routed = rule({"org_ids": [one]})
    assert routed.names_orgs
    assert routed.reading(uuid4(), [one]).index.model == "m1"
    assert routed.reading(uuid4(), [other, one]).index.model == "m1"
    assert routed.reading(uuid4(), [other]).index == DEFAULT
    assert routed.reading(uuid4(), []).index == DEFAULT


def test_the_first_route_that_takes_a_user_wins() -> None:
    one, other = uuid4(), uuid4()
    routed = rule({"org_ids": [one]}, {"org_ids": [other]}, {"share": 100})
    assert routed.reading(uuid4(), [other, one]).index.model == "m1"
    assert routed.reading(uuid4(), [other]).index.model == "m2"
    assert routed.reading(uuid4(), []).index.model == "m3"


def test_a_route_to_the_default_has_nothing_in_its_stead() -> None:
    reading = Rule(DEFAULT, (ReadRoute(**named(0), share=100),)).reading(uuid4(), [])
    assert (reading.index.index, reading.instead) == (DEFAULT.index, None)


def test_a_rule_comes_back_as_it_was_stored() -> None:
    shadow = ShadowRead(**named(2), share=5)
    route = ReadRoute(**named(1), org_ids=[uuid4()], share=7)
    stored = {
        "default": DEFAULT.model_dump(mode="json"),
        "routes": [route.model_dump(mode="json")],
        "shadows": [shadow.model_dump(mode="json")],
    }
    assert Rule.of(stored) == Rule(DEFAULT, (route,), (shadow,))
