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
}

ORGS_OF_USER = "SELECT m.org_id FROM rag.memberships m WHERE m.user_id = p_user_id AND m.is_active"

ISOLATED = (
    tenant.isolation("rag.memberships", user="user_id"),
    tenant.isolation("rag.classes"),
    tenant.isolation("rag.tenants"),
    tenant.isolation("rag.documents", user="owner_id"),
    tenant.isolation('"user".conversations', user="user_id"),
    tenant.isolation(
        '"user".messages', org=None, through='"user".conversations c WHERE c.conversation_id = messages.conversation_id'
    ),
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
    # What the scopes say of documents that were there before: their owner, and the org of their class.
    op.execute("""
        UPDATE rag.documents d SET
            owner_id = (SELECT substr(s, 6)::uuid FROM unnest(d.scopes) s WHERE s LIKE 'user:%' LIMIT 1),
            org_id = (SELECT c.org_id FROM unnest(d.scopes) s JOIN rag.classes c ON s = 'class:' || c.class_id LIMIT 1)
    """)
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO rag")
    op.execute(tenant.enter_function("rag", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    for table in (
        "rag.memberships",
        "rag.classes",
        "rag.tenants",
        "rag.documents",
        '"user".conversations',
        '"user".messages',
    ):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION rag.enter_tenant")
    op.drop_column("documents", "owner_id", schema="rag")
    op.drop_column("documents", "org_id", schema="rag")
    op.drop_table("tenants", schema="rag")
    op.drop_table("request_counts", schema="rag")
    op.drop_table("platform_settings", schema="rag")
    op.drop_index(op.f("ix_revocations_revoked_at"), table_name="revocations", schema="rag")
    op.drop_table("revocations", schema="rag")
