"""What the service's database role may do with each table: what the code does, and nothing more.

Whoever needs another right adds it to the migration's GRANTS and here, with the code that uses it.
"""

ADD = {"SELECT", "INSERT"}
CHANGE = ADD | {"UPDATE"}

RIGHTS = {
    # The relay marks and the tidy deletes; a letter is settled and stays.
    "ingest.outbox": CHANGE | {"DELETE"},
    "ingest.inbox": ADD | {"DELETE"},
    "ingest.dead_letters": CHANGE,
    # Forgotten when they are over.
    "ingest.revocations": CHANGE | {"DELETE"},
    "ingest.request_counts": CHANGE | {"DELETE"},
    "ingest.platform_settings": CHANGE,
    # Deleted with their person alone.
    "ingest.memberships": CHANGE | {"DELETE"},
    "ingest.classes": CHANGE,
    "ingest.tenants": CHANGE,
    # A deleted document keeps its row as the receipt, an erased user keeps the mark that they are.
    "user.documents": CHANGE,
    "user.chunks": CHANGE | {"DELETE"},
    # They go with their chunks, by the foreign key.
    "user.chunk_embeddings": ADD,
    # Who had a turn long ago is as one who never had.
    "ingest.turns": CHANGE | {"DELETE"},
    "ingest.vector_indexes": CHANGE,
    "ingest.vector_migrations": CHANGE,
    "ingest.vector_checks": CHANGE,
    "ingest.read_rules": CHANGE,
    "ingest.document_indexes": CHANGE,
    "ingest.document_shares": CHANGE | {"DELETE"},
    # Deleted with their person alone: a shelf that is gone stays as that.
    "ingest.shelves": CHANGE | {"DELETE"},
    "ingest.class_materials": CHANGE,
    "ingest.erased_users": CHANGE,
    # Gone with the object's document, or with the object.
    "ingest.pending_objects": CHANGE | {"DELETE"},
    "ingest.uploads": CHANGE | {"DELETE"},
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
    for row in await sql.rows(QUERY, "ingest", "ingest"):
        found.setdefault(row["table_name"], set()).add(row["privilege"])

    assert found == RIGHTS
