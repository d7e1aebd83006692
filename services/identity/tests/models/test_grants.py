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
    # Never deleted: a person who leaves is anonymised.
    "user.app_user": CHANGE,
    # Renewed, replaced, and gone with the person.
    "identity.credentials": CHANGE | {"DELETE"},
    # Used or void, and deleted when nobody can use them any more.
    "identity.account_tokens": CHANGE | {"DELETE"},
    "identity.sign_up_invitations": CHANGE | {"DELETE"},
    "identity.tenant_invitations": CHANGE | {"DELETE"},
    # Counted up and back, and forgotten a quarter of an hour later.
    "identity.attempts": CHANGE | {"DELETE"},
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
    # Two columns: where a change came from is forgotten together with whoever made it.
    "supervisor.platform_setting_changes": CHANGE,
    "identity.erasures": ADD,
    # Confirmed, its last step noted, taken away.
    "identity.totp_factors": CHANGE | {"DELETE"},
    "identity.recovery_codes": CHANGE | {"DELETE"},
    # Taken out when they end, so that they end once.
    "identity.mfa_challenges": ADD | {"DELETE"},
    "identity.oidc_logins": ADD | {"DELETE"},
    "identity.linked_identities": CHANGE | {"DELETE"},
    # Shortened and revoked; the list shows what there was.
    "identity.api_keys": CHANGE,
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
