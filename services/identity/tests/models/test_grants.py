"""What the service's database role may do with each table: what the code does, and nothing more.

Whoever needs another right adds it to the migration's GRANTS and here, with the code that uses it.
"""

ADD = {"SELECT", "INSERT"}
CHANGE = ADD | {"UPDATE"}

RIGHTS = {
    # The relay marks and the tidy deletes; a letter is settled and stays.
    "identity.outbox": CHANGE | {"DELETE"},
    "identity.inbox": ADD | {"DELETE"},
    "identity.dead_letters": CHANGE,
    # Nothing changes an account yet.
    "user.app_user": ADD,
    # An outdated hash is renewed at the login.
    "identity.credentials": CHANGE,
    # Used and revoked; deleted when long over.
    "identity.sessions": CHANGE | {"DELETE"},
    "identity.refresh_tokens": CHANGE | {"DELETE"},
    # Anybody's who is org or partner staff, as org-partner tells.
    "identity.memberships": CHANGE,
    "identity.classes": CHANGE,
    "identity.tenants": CHANGE,
    # Counted up, and forgotten a minute later.
    "identity.request_counts": CHANGE | {"DELETE"},
    # Tried again, and gone once they are sent.
    "identity.mails": CHANGE | {"DELETE"},
    "supervisor.platform_setting": CHANGE,
    # Histories: added to and never altered.
    "supervisor.platform_setting_changes": ADD,
    "identity.erasures": ADD,
    # Retired.
    "identity.signing_keys": CHANGE,
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
    for row in await sql.rows(QUERY, "identity", "identity"):
        found.setdefault(row["table_name"], set()).add(row["privilege"])

    assert found == RIGHTS
