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
    "usage_metrics.revocations": "SELECT, INSERT, UPDATE, DELETE",
    "usage_metrics.platform_settings": "SELECT, INSERT, UPDATE",
    "usage_metrics.request_counts": "SELECT, INSERT, UPDATE, DELETE",
    "usage_metrics.tenants": "SELECT, INSERT, UPDATE",
}

ORGS_OF_USER = "SELECT m.org_id FROM usage_metrics.memberships m WHERE m.user_id = p_user_id AND m.is_active"

ISOLATED = (
    tenant.isolation("usage_metrics.memberships", reader="user_id"),
    tenant.isolation("usage_metrics.classes"),
    tenant.isolation("usage_metrics.tenants"),
    tenant.isolation("partner.usage_events", user="user_id"),
    tenant.isolation("partner.usage_daily", user="user_id"),
)


def upgrade() -> None:
    op.create_table(
        "revocations",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("least_epoch", sa.Integer(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_revocations")),
        schema="usage_metrics",
    )
    op.create_index(
        op.f("ix_revocations_revoked_at"), "revocations", ["revoked_at"], unique=False, schema="usage_metrics"
    )
    op.create_table(
        "platform_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_platform_settings")),
        schema="usage_metrics",
    )
    op.create_table(
        "request_counts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "minute", name=op.f("pk_request_counts")),
        schema="usage_metrics",
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
        schema="usage_metrics",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO usage_metrics")
    op.execute(tenant.enter_function("usage_metrics", ORGS_OF_USER))
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    for table in (
        "usage_metrics.memberships",
        "usage_metrics.classes",
        "usage_metrics.tenants",
        "partner.usage_events",
        "partner.usage_daily",
    ):
        op.execute(f"DROP POLICY tenant ON {table}")
        op.execute(f"DROP POLICY IF EXISTS own ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION usage_metrics.enter_tenant")
    op.drop_table("tenants", schema="usage_metrics")
    op.drop_table("request_counts", schema="usage_metrics")
    op.drop_table("platform_settings", schema="usage_metrics")
    op.drop_index(op.f("ix_revocations_revoked_at"), table_name="revocations", schema="usage_metrics")
    op.drop_table("revocations", schema="usage_metrics")
