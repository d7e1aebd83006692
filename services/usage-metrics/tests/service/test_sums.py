"""Events, ledger and summary say the same, in every grouping."""

import random
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.tenancy import Tenant
from contracts.usage import Operation, Outcome
from usage_metrics.models import KEYS, SUMS
from usage_metrics.service.usage import Filters

START, END = datetime(2026, 9, 25, tzinfo=UTC), datetime(2027, 2, 5, tzinfo=UTC)
EVERYTHING = Filters(first=START.date() - timedelta(days=1), last=END.date() + timedelta(days=1))
GROUPINGS = list(chain.from_iterable(combinations(KEYS, size) for size in range(len(KEYS) + 1)))

_orgs = [uuid4() for _ in range(3)]
_partners = {uuid4(): org for org in _orgs for _ in range(2)}
_classes = {uuid4(): partner for partner in _partners for _ in range(2)}
_users = [uuid4() for _ in range(7)]


def _tenant(class_id: UUID | None, user_id: UUID) -> Tenant:
    if class_id is None:
        return Tenant(user_id=user_id)
    partner = _classes[class_id]
    return Tenant(org_id=_partners[partner], partner_id=partner, class_id=class_id, user_id=user_id)


CALLS = st.fixed_dictionaries(
    {
        "tenant": st.builds(_tenant, st.sampled_from([None, *_classes]), st.sampled_from(_users)),
        "operation": st.sampled_from(Operation),
        "model": st.sampled_from(["growfit-extractive", "multilingual-e5-small", "한국어-모델"]),
        "input_tokens": st.integers(0, 2**40),
        "output_tokens": st.integers(0, 2**40),
        "estimated": st.booleans(),
        "outcome": st.sampled_from(Outcome),
        "occurred_at": st.datetimes(START.replace(tzinfo=None), END.replace(tzinfo=None), timezones=st.just(UTC)),
    }
)


def _facts(event):
    day = (event.occurred_at + timedelta(hours=9)).date()
    return {**event.tenant.model_dump(), "operation": event.operation.value, "model": event.model, "day": day}


def _sums(event):
    sums = {"calls": 1, "input_tokens": event.input_tokens, "output_tokens": event.output_tokens}
    outcomes = {"cancelled": event.outcome is Outcome.CANCELLED, "failed": event.outcome is Outcome.FAILED}
    total = {"estimated_calls": event.estimated, "total_tokens": event.input_tokens + event.output_tokens}
    return Counter({**sums, **outcomes, **total})


def _grouped(lines, keys):
    groups = defaultdict(Counter)
    for facts, sums in lines:
        groups[tuple(facts[key] for key in keys)].update(sums)
    return {key: {name: group[name] for name in (*SUMS, "total_tokens")} for key, group in groups.items()}


async def _holds(books, principal, events, *, groupings):
    deliveries = [(uuid4(), event) for event in events]
    repeated = random.sample(deliveries, k=min(100, len(deliveries)))
    shuffled = random.sample(deliveries + repeated, k=len(deliveries) + len(repeated))
    assert await books.deliver(shuffled) == len(repeated)

    lines = [(_facts(event), _sums(event)) for event in events]
    total = _grouped(lines, ())[()]
    ledger = "SELECT count(*), sum(input_tokens + output_tokens) FROM partner.usage_events"
    assert await books.rows(ledger) == [(total["calls"], total["total_tokens"])]
    assert await books.wired.reconciliation.differences() == []
    for keys in groupings:
        summary = await books.wired.usage.summarise(
            principal(tier="supervisor"), EVERYTHING, group_by=keys, most_tokens_first=False, limit=10_000, cursor=None
        )
        found = {tuple(row[key] for key in keys): {name: row[name] for name in total} for row in summary.rows}
        assert summary.totals == total
        assert found == (_grouped(lines, keys) if keys else {})
        assert len(found) == len(summary.rows)


@pytest.fixture
def emptied_again(books, database):
    """For hypothesis, which runs one test many times over one fixture."""

    def empty() -> None:
        with psycopg.connect(database.libpq_url("growfit_migrator")) as connection:
            connection.execute(
                "SET app.platform = 'on'; DELETE FROM partner.usage_events; DELETE FROM partner.usage_daily"
            )

    return empty


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(calls=st.lists(CALLS, min_size=1, max_size=8), grouping=st.sampled_from(GROUPINGS))
async def test_any_few_calls_add_up(books, emptied_again, make_usage, principal, calls, grouping):
    emptied_again()

    await _holds(books, principal, [make_usage(**call) for call in calls], groupings=[grouping])


@settings(
    max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(kinds=st.lists(CALLS, min_size=40, max_size=40), seed=st.integers(0, 2**32))
async def test_a_thousand_calls_add_up_in_every_grouping(books, emptied_again, make_usage, principal, kinds, seed):
    emptied_again()
    chance = random.Random(seed)
    calls = [
        {**chance.choice(kinds), "occurred_at": START + (END - START) * chance.random(), "tenant": _anyone(chance)}
        for _ in range(1000)
    ]

    await _holds(books, principal, [make_usage(**call) for call in calls], groupings=GROUPINGS)


def _anyone(chance: random.Random) -> Tenant:
    return _tenant(chance.choice([None, *_classes]), chance.choice(_users))
