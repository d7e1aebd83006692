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
    "ingest.revocations": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.platform_settings": "SELECT, INSERT, UPDATE",
    "ingest.request_counts": "SELECT, INSERT, UPDATE, DELETE",
    "ingest.tenants": "SELECT, INSERT, UPDATE",
}

ORGS_OF_USER = "SELECT m.org_id FROM ingest.memberships m WHERE m.user_id = p_user_id AND m.is_active"

ISOLATED = (
    tenant.isolation("ingest.memberships", user="user_id"),
    tenant.isolation("ingest.classes"),
    tenant.isolation("ingest.tenants"),
    tenant.isolation('"user".documents', user="owner_id"),
    tenant.isolation('"user".chunks', org=None, through='"user".documents d WHERE d.document_id = chunks.document_id'),
)


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("least_epoch", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_revocations")),
        schema="ingest",
    )
    op.create_index(op.f("ix_revocations_revoked_at"), "revocations", ["revoked_at"], unique=False, schema="ingest")
    op.create_table(
        "platform_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_settings")),
        schema="ingest",
    )
    op.create_table(
        "request_counts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "minute", name=op.f("pk_request_counts")),
        schema="ingest",
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        schema="ingest",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO ingest")
    op.execute(tenant.enter_function("ingest", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    for table in ("ingest.memberships", "ingest.classes", "ingest.tenants", '"user".documents', '"user".chunks'):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION ingest.enter_tenant")
    op.drop_table("tenants", schema="ingest")
    op.drop_table("request_counts", schema="ingest")
    op.drop_table("platform_settings", schema="ingest")
    op.drop_index(op.f("ix_revocations_revoked_at"), table_name="revocations", schema="ingest")
    op.drop_table("revocations", schema="ingest")
