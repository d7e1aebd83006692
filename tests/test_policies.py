"""What the policies of row-level security say: every way past one is a comparison with who asks, or another wall."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from chassis import tenant

# As PostgreSQL writes an expression back. Neither OR nor IS within: `… IS NULL` would hold for whoever has no context.
_SETTING = r"(?:(?! OR | IS ).)*"
_COMPARISONS = (
    r"\( SELECT current_setting\('app\.platform'::text, true\) AS current_setting\) = 'on'::text",
    rf"\w+ = ANY \({_SETTING}current_setting\('app\.orgs'::text{_SETTING}\)",
    rf"\w+ = \({_SETTING}current_setting\('app\.(?:user|proof)'::text{_SETTING}\)",
)
# Asks about a row of another table that belongs to this one's, not whether there is any at all.
_OF_ANOTHER = r"EXISTS \( SELECT\s+FROM (?P<table>[\w.\"]+) \w+\s+WHERE (?P<condition>.*)\)"

_POLICIES = """
    SELECT n.nspname || '.' || c.relname, c.relname, p.polname,
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.polpermissive ORDER BY 1, 3
"""
_WALLED = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relrowsecurity AND c.relforcerowsecurity
"""
_PLATFORM = "current_setting('app.platform', true)"


@pytest.fixture
def connection(database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.libpq_url("postgres")) as made:
        yield made
        made.rollback()


def ways_past(expression: str) -> list[str]:
    """What stands between the ORs of an expression, without the parentheses around it."""
    depth, start, parts, groups = 0, 0, [], []
    for found in re.finditer(r"'(?:[^']|'')*'|[()]| OR ", expression):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0 and found[0] == ")":
            groups.append(found.end())
        if depth == 0 and found[0] == " OR ":
            parts.append(expression[start : found.start()])
            start = found.end()
    if expression.startswith("(") and groups[0] == len(expression):
        return ways_past(expression[1:-1])
    if not parts:
        return [expression]
    return [way for part in (*parts, expression[start:]) for way in ways_past(part)]


def is_wall(way: str, *, of: str, walled: set[str]) -> bool:
    if any(re.fullmatch(comparison, way) for comparison in _COMPARISONS):
        return True
    other = re.fullmatch(_OF_ANOTHER, way, re.DOTALL)
    if other is None or other["table"].replace('"', "") not in walled:
        return False
    return re.search(rf"\b{of}\.\w+", other["condition"]) is not None


# Read alone: a class of the reader's lists the document, or it is open to one. Two walled tables in one question.
_READ_THROUGH_CLASSES = ("org_partner.documents", "shared")


def holes(connection: psycopg.Connection) -> list[tuple[str, str, str]]:
    """Table, policy and the way past it that is no wall."""
    walled = {name for (name,) in connection.execute(_WALLED)}
    return [
        (table, policy, way)
        for table, short, policy, *expressions in connection.execute(_POLICIES).fetchall()
        if (table, policy) != _READ_THROUGH_CLASSES
        for expression in expressions
        if expression is not None
        for way in ways_past(expression)
        if not is_wall(way, of=short, walled=walled)
    ]


def test_every_way_past_a_policy_is_a_wall(connection):
    assert len(connection.execute(_POLICIES).fetchall()) > 40
    assert holes(connection) == []


@pytest.mark.parametrize(
    "policy",
    [
        "USING (true)",
        "FOR SELECT USING (true)",
        "FOR INSERT WITH CHECK (true)",
        f"USING ({_PLATFORM} = 'on') WITH CHECK (true)",
        f"USING ((SELECT {_PLATFORM}) = 'on' OR true)",
        "USING (org_id = org_id)",
        "USING (org_id IS NOT NULL)",
        f"USING ((SELECT {_PLATFORM}) <> 'on')",
        "USING (nullif(current_setting('app.user', true), '') IS NULL)",
        "USING (org_id = (SELECT nullif(current_setting('app.other', true), '')::uuid))",
        # Not behind a wall itself; any row at all; and one that lets everybody through beside it.
        "USING (EXISTS (SELECT FROM org_partner.users u WHERE u.user_id = open.org_id))",
        "USING (EXISTS (SELECT FROM partner.orgs o WHERE o.org_id IS NOT NULL))",
        "USING (EXISTS (SELECT FROM partner.orgs o WHERE o.org_id = open.org_id) OR org_id IS NULL)",
    ],
)
def test_a_policy_that_lets_everybody_through_is_found(connection, policy):
    connection.execute("CREATE TABLE partner.open (org_id uuid)")
    connection.execute("ALTER TABLE partner.open ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    connection.execute(f"CREATE POLICY tenant ON partner.open {policy}")

    assert {table for table, _, _ in holes(connection)} == {"partner.open"}


def test_a_policy_like_the_others_is_none(connection):
    connection.execute("CREATE TABLE partner.shut (org_id uuid)")
    for statement in tenant.isolation(
        "partner.shut",
        user="org_id",
        through="partner.orgs o WHERE o.org_id = shut.org_id",
        readable="partner.orgs o WHERE o.org_id = shut.org_id",
    ):
        connection.execute(statement)

    assert holes(connection) == []
