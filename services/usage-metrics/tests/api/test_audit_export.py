"""GET /audit-events/export: the same entries as a file that a spreadsheet opens."""

import csv
import io
import json
from datetime import date, timedelta
from uuid import uuid4

import pytest

from contracts.usage_metrics import AuditRecorded
from usage_metrics.api.audit_csv import COLUMNS
from usage_metrics.schemas.audit_events import AuditLine
from usage_metrics.service import audit_events
from usage_metrics.service.audit_events import AuditFilters

DAY = date(2026, 11, 10)
NOVEMBER = {"from_": "2026-11-01", "to": "2026-11-30"}
EXPORTED = "SELECT payload -> 'data' FROM usage_metrics.outbox WHERE subject = %s ORDER BY id"


def _rows(answer):
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_a_file_that_opens_rightly(http, books, make_entry):
    user = uuid4()
    entry = make_entry("org_partner", actor_id=user, detail={"이름": '국어 1반, "심화"\n'}, org_id=uuid4())
    await books.note(entry)

    answer = await http(user)("/audit-events/export", **NOVEMBER)

    assert answer.status_code == 200
    assert answer.content.startswith(b'\xef\xbb\xbf"audit_id",')
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-events_2026-11-01_2026-11-30.csv"'
    assert answer.headers["cache-control"] == "no-store"
    (row,) = _rows(answer)
    assert tuple(row) == COLUMNS
    assert row.pop("recorded_at")
    assert json.loads(row.pop("detail")) == entry.detail
    assert row == {
        "audit_id": str(entry.audit_id),
        "occurred_at": "2026-11-10T12:00:00+09:00",
        "publisher": "org_partner",
        "action": "user.suspended",
        "outcome": "succeeded",
        "actor_id": str(user),
        "session_id": str(entry.session_id),
        "target": entry.target,
        "org_id": str(entry.org_id),
        "partner_id": "",
        "class_id": "",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "request_id": "a-request-id",
    }


async def test_no_cell_is_a_formula(http, books, make_entry):
    user, text = uuid4(), '=HYPERLINK("http://evil")'
    await books.note(make_entry(actor_id=user, user_agent=text, request_id=text, target=text, ip=text))

    (row,) = _rows(await http(user)("/audit-events/export", **NOVEMBER))

    assert {row[name] for name in ("user_agent", "request_id", "target")} == {f"'{text}"}
    assert row["ip"].startswith("'=")


async def test_an_empty_export_has_its_head(http):
    answer = await http(uuid4())("/audit-events/export", **NOVEMBER)

    assert answer.content.decode() == "\ufeff" + ",".join(f'"{name}"' for name in AuditLine.model_fields) + "\r\n"


async def test_many_pages_are_one_file_newest_first(http, books, make_entry, monkeypatch):
    monkeypatch.setattr(audit_events, "EXPORT_PAGE", 3)
    user = uuid4()
    entries = [make_entry(actor_id=user, detail={"n": n}) for n in range(10)]
    moments = [
        entry.model_copy(update={"occurred_at": entry.occurred_at + timedelta(minutes=n // 4)})
        for n, entry in enumerate(entries)
    ]
    for entry in moments:
        await books.note(entry)

    rows = _rows(await http(user)("/audit-events/export", **NOVEMBER))

    assert {row["audit_id"] for row in rows} == {str(entry.audit_id) for entry in entries}
    assert len(rows) == 10
    assert [row["occurred_at"] for row in rows] == sorted((row["occurred_at"] for row in rows), reverse=True)


async def test_an_export_reads_no_further_than_it_is_read(wired, books, make_entry, principal, monkeypatch):
    """Never the whole log in memory, and no transaction open while somebody reads slowly."""
    monkeypatch.setattr(audit_events, "EXPORT_PAGE", 2)
    caller = principal()
    for n in range(5):
        await books.note(make_entry(actor_id=caller.user_id, detail={"n": n}))
    open_ = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%%'"
    reads = []
    real = audit_events.audit_events.list_entries

    async def counted(session, chosen, page):
        reads.append(page)
        return await real(session, chosen, page)

    monkeypatch.setattr(audit_events.audit_events, "list_entries", counted)
    export = await wired.audit.export(caller, AuditFilters(first=DAY, last=DAY))

    sizes = []
    async for page in export.pages:
        sizes.append(len(page))
        assert len(reads) == len(sizes)
        assert await books.rows(open_) == [(0,)]

    assert sizes == [2, 2, 1]
    assert all(page.limit == 2 for page in reads)


async def test_who_loses_their_part_in_the_middle_gets_no_more(
    wired, academy, books, make_entry, principal, monkeypatch
):
    monkeypatch.setattr(audit_events, "EXPORT_PAGE", 2)
    where = {"org_id": academy.orgs[0], "partner_id": academy.partners[0]}
    for _ in range(5):
        await books.note(make_entry(**where))
    export = await wired.audit.export(principal(academy.people["owner"]), AuditFilters(first=DAY, last=DAY))
    assert len(await anext(export.pages)) == 2

    await books.suspend(academy.orgs[0], academy.partners[0])

    assert [len(page) async for page in export.pages] == [0]


@pytest.mark.parametrize(
    ("name", "count"), [("supervisor", 3), ("admin", 2), ("owner", 1), ("instructor", 0), ("stranger", 0)]
)
async def test_each_exports_their_part_and_nobody_elses_address(academy, http, books, make_entry, name, count):
    for place, org in enumerate((0, 0, 1)):
        await books.note(make_entry(org_id=academy.orgs[org], partner_id=academy.partners[place]))
    get = http(academy.people[name], tier="supervisor" if name == "supervisor" else "user")

    rows = _rows(await get("/audit-events/export", **NOVEMBER))

    assert len(rows) == count
    assert {row["ip"] for row in rows} == ({"203.0.113.7"} if name == "supervisor" else {""} if rows else set())


async def test_the_export_itself_is_told_without_what_was_filtered_by(academy, http, books):
    admin, org = academy.people["admin"], academy.orgs[0]
    query = {"org_id": org, "ip": "203.0.113.7", "target": "user/x", **NOVEMBER}

    assert (await http(admin)("/audit-events/export", **query)).status_code == 200

    ((told,),) = await books.rows(EXPORTED, AuditRecorded.type)
    entry = AuditRecorded.model_validate(told)
    assert (entry.action, entry.actor_id, entry.org_id, entry.outcome.value) == (
        "audit_log.exported",
        admin,
        org,
        "succeeded",
    )
    assert entry.detail == {"first": "2026-11-01", "last": "2026-11-30", "filters": ["org_id", "target", "ip"]}
    await books.note(entry)
    assert await books.rows("SELECT publisher FROM supervisor.audit_events") == [("usage_metrics",)]


async def test_an_export_of_places_that_do_not_belong_together_is_empty_and_told_all_the_same(
    academy, http, books, make_entry
):
    get = http(academy.people["supervisor"], tier="supervisor")
    for number in (0, 2):
        await books.note(make_entry(partner_id=academy.partners[number], class_id=academy.classes[number]))
    for query in (
        {"org_id": academy.orgs[0], "partner_id": academy.partners[2]},
        {"partner_id": academy.partners[0], "class_id": academy.classes[2]},
    ):
        assert _rows(await get("/audit-events/export", **query, **NOVEMBER)) == []

    for (told,) in await books.rows(EXPORTED, AuditRecorded.type):
        await books.note(AuditRecorded.model_validate(told))
    seen = "SELECT org_id, partner_id, class_id FROM supervisor.audit_events WHERE action = %s ORDER BY 1"
    assert await books.rows(seen, "audit_log.exported") == [
        (academy.orgs[0], None, None),
        (None, academy.partners[0], None),
    ]


async def test_what_is_refused_is_not_exported_and_not_told(academy, http, books):
    get = http(academy.people["owner"])
    refusals = [
        (await get("/audit-events/export", org_id=academy.orgs[1], **NOVEMBER)),
        (await get("/audit-events/export", from_="2026-11-02", to="2026-11-01")),
        (await get("/audit-events/export", limit=5)),
        (await http()("/audit-events/export")),
    ]

    assert [answer.status_code for answer in refusals] == [404, 422, 422, 401]
    assert {answer.headers["content-type"] for answer in refusals} == {"application/problem+json"}
    assert await books.rows(EXPORTED, AuditRecorded.type) == []
