"""What the service's database role may do with each table: what the code does, and nothing more.

Whoever needs another right adds it to the migration's GRANTS and here, with the code that uses it.
"""

ADD = {"SELECT", "INSERT"}
CHANGE = ADD | {"UPDATE"}

RIGHTS = {
    # The relay marks and the tidy deletes; a letter is settled and stays.
    "rag.outbox": CHANGE | {"DELETE"},
    "rag.inbox": ADD | {"DELETE"},
    "rag.dead_letters": CHANGE,
    # Forgotten when they are over.
    "rag.revocations": CHANGE | {"DELETE"},
    "rag.request_counts": CHANGE | {"DELETE"},
    "rag.platform_settings": CHANGE,
    # Deleted with their person alone.
    "rag.memberships": CHANGE | {"DELETE"},
    "rag.classes": CHANGE,
    "rag.tenants": CHANGE,
    # A document that is gone stays as that, or a late event would bring it back.
    "rag.documents": CHANGE,
    "rag.erased_users": ADD,
    # A version that was told stays.
    "rag.vector_reads": ADD,
    "user.projects": CHANGE | {"DELETE"},
    "user.agents": CHANGE | {"DELETE"},
    "user.conversations": CHANGE | {"DELETE"},
    "user.messages": CHANGE | {"DELETE"},
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
    for row in await sql.rows(QUERY, "rag", "rag"):
        found.setdefault(row["table_name"], set()).add(row["privilege"])

    assert found == RIGHTS
