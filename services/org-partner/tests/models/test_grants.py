"""What the service's database role may do with each table: what the code does, and nothing more.

Whoever needs another right adds it to the migration's GRANTS and here, with the code that uses it.
"""

ADD = {"SELECT", "INSERT"}
CHANGE = ADD | {"UPDATE"}

RIGHTS = {
    # The relay marks and the tidy deletes; a letter is settled and stays.
    "org_partner.outbox": CHANGE | {"DELETE"},
    "org_partner.inbox": ADD | {"DELETE"},
    "org_partner.dead_letters": CHANGE,
    "org_partner.platform_settings": CHANGE,
    # Forgotten when they matter no more.
    "org_partner.revocations": CHANGE | {"DELETE"},
    "org_partner.request_counts": CHANGE | {"DELETE"},
    # Tried again, and gone once they are sent.
    "org_partner.mails": CHANGE | {"DELETE"},
    # What happened is written once.
    "partner.activities": ADD,
    # As identity tells; forgotten in place.
    "org_partner.users": CHANGE,
    # Forgotten after the hour in which they count.
    "org_partner.refused_redemptions": ADD | {"DELETE"},
    "partner.orgs": CHANGE,
    "partner.partners": CHANGE,
    # Taken away and given again in place.
    "partner.memberships": CHANGE,
    "partner.org_domains": ADD | {"DELETE"},
    # Gone with the account of whoever was invited, or invited others.
    "partner.invitations": CHANGE | {"DELETE"},
    "partner.courses": CHANGE,
    "partner.classes": CHANGE,
    # Put in and taken out.
    "partner.class_materials": ADD | {"DELETE"},
    # Used and revoked.
    "partner.invite_codes": CHANGE,
    "partner.students": ADD,
    "partner.enrollments": CHANGE,
    "partner.enrollment_changes": ADD,
    "org_partner.documents": CHANGE,
    # Forgotten after the hour in which they count.
    "org_partner.guessing_sources": CHANGE | {"DELETE"},
    # Forgotten after the day in which they count.
    "org_partner.sent_letters": ADD | {"DELETE"},
    # Cleared ones stay as an empty row.
    "partner.llm_settings": CHANGE,
    # Withdrawn; of the rest no column may be changed.
    "partner.settlement_policies": CHANGE,
    # Counted up.
    "partner.class_activity_daily": CHANGE,
}

# A right on one column counts as well: an UPDATE of a single column is an UPDATE.
QUERY = """
    SELECT n.nspname || '.' || c.relname AS table_name, p.privilege
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES', 'DELETE', 'TRUNCATE', 'TRIGGER']) p(privilege)
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND CASE WHEN p.privilege IN ('DELETE', 'TRUNCATE', 'TRIGGER')
               THEN has_table_privilege(%s, c.oid, p.privilege)
               ELSE has_any_column_privilege(%s, c.oid, p.privilege) END"""


async def test_the_role_has_exactly_the_rights_that_the_code_uses(sql) -> None:
    found: dict[str, set[str]] = {}
    for row in await sql.rows(QUERY, "org_partner", "org_partner"):
        found.setdefault(row["table_name"], set()).add(row["privilege"])

    assert found == RIGHTS
