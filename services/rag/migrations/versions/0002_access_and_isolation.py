"""access isolation and tenants"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GRANTS = {
    "rag.revocations": "SELECT, INSERT, UPDATE, DELETE",
    "rag.platform_settings": "SELECT, INSERT, UPDATE",
    "rag.request_counts": "SELECT, INSERT, UPDATE, DELETE",
    "rag.tenants": "SELECT, INSERT, UPDATE",
    "rag.erased_users": "SELECT, INSERT",
    "rag.memberships": "DELETE",
}

ORGS_OF_USER = "SELECT m.org_id FROM rag.memberships m WHERE m.user_id = p_user_id AND m.is_active"

ISOLATED = (
    tenant.isolation("rag.memberships", reader="user_id"),
    tenant.isolation("rag.classes"),
    tenant.isolation("rag.tenants"),
    tenant.isolation(
        "rag.documents",
        user="owner_id",
        # A document of a teacher who works for no org, shared with a class: whoever sees the class sees it.
        readable="""rag.classes c WHERE c.class_id = ANY (
            SELECT CASE WHEN s ~ '^class:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN substr(s, 7)::uuid END
            FROM unnest(documents.scopes) s)""",
    ),
    tenant.isolation('"user".conversations', user="user_id"),
    tenant.isolation(
        '"user".messages', org=None, through='"user".conversations c WHERE c.conversation_id = messages.conversation_id'
    ),
    tenant.isolation("rag.erased_users", org=None, user="user_id"),
)
WALLED = (
    "rag.memberships",
    "rag.classes",
    "rag.tenants",
    "rag.documents",
    '"user".conversations',
    '"user".messages',
    "rag.erased_users",
)


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("least_epoch", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_revocations")),
        schema="rag",
    )
    op.create_index(op.f("ix_revocations_revoked_at"), "revocations", ["revoked_at"], unique=False, schema="rag")
    op.create_table(
        "platform_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_settings")),
        schema="rag",
    )
    op.create_table(
        "request_counts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "minute", name=op.f("pk_request_counts")),
        schema="rag",
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        schema="rag",
    )
    op.add_column("documents", sa.Column("org_id", sa.Uuid(), nullable=True), schema="rag")
    op.add_column("documents", sa.Column("owner_id", sa.Uuid(), nullable=True), schema="rag")
    # What the scopes say of documents that were there before: their owner, and the org of their class. Of the others
    # nobody can tell whether they are personal or a class pays for them, until the next event does.
    op.execute("""
        UPDATE rag.documents d SET
            owner_id = (SELECT substr(s, 6)::uuid FROM unnest(d.scopes) s WHERE s LIKE 'user:%' LIMIT 1),
            org_id = coalesce(
                (SELECT c.org_id FROM unnest(d.scopes) s JOIN rag.classes c ON s = 'class:' || c.class_id LIMIT 1),
                '00000000-0000-0000-0000-000000000000')
    """)
    op.create_table(
        "erased_users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_erased_users")),
        schema="rag",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO rag")
    op.execute(tenant.enter_function("rag", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP POLICY shared ON rag.documents")
    for table in WALLED:
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"DROP POLICY IF EXISTS own ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION rag.enter_tenant")
    op.execute("REVOKE DELETE ON rag.memberships FROM rag")
    op.drop_table("erased_users", schema="rag")
    op.drop_column("documents", "owner_id", schema="rag")
    op.drop_column("documents", "org_id", schema="rag")
    op.drop_table("tenants", schema="rag")
    op.drop_table("request_counts", schema="rag")
    op.drop_table("platform_settings", schema="rag")
    op.drop_index(op.f("ix_revocations_revoked_at"), table_name="revocations", schema="rag")
    op.drop_table("revocations", schema="rag")
