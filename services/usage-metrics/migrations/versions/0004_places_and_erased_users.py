"""places and erased users"""

import sqlalchemy as sa
from alembic import op

from chassis import tenant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

GRANTS = {
    "usage_metrics.places": "SELECT, INSERT",
    "usage_metrics.erased_users": "SELECT, INSERT",
    # Erased with the account.
    "usage_metrics.memberships": "DELETE",
}

# Students keep the name of a class that they have left: their usage there is still theirs.
OWN_CLASSES = "usage_metrics.memberships m WHERE m.class_id = classes.class_id"

# What was told before this table was there.
KNOWN_PLACES = """
INSERT INTO usage_metrics.places (place_id, above_id)
SELECT class_id, partner_id FROM usage_metrics.classes
UNION SELECT partner_id, org_id FROM usage_metrics.classes
UNION SELECT class_id, partner_id FROM usage_metrics.memberships WHERE class_id IS NOT NULL AND partner_id IS NOT NULL
UNION SELECT partner_id, org_id FROM usage_metrics.memberships WHERE partner_id IS NOT NULL
UNION SELECT tenant_id, org_id FROM usage_metrics.tenants WHERE tenant_id <> org_id
"""


def upgrade() -> None:
    op.create_table(
        "places",
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("above_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("place_id", "above_id", name=op.f("pk_places")),
        schema="usage_metrics",
    )
    op.create_table(
        "erased_users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_erased_users")),
        schema="usage_metrics",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO usage_metrics")
    op.execute("SET LOCAL app.platform = 'on'")
    op.execute(KNOWN_PLACES)
    op.execute("DROP POLICY tenant ON usage_metrics.classes")
    for statement in (
        *tenant.isolation("usage_metrics.places", org=None),
        *tenant.isolation("usage_metrics.erased_users", org=None, user="user_id"),
        *tenant.isolation("usage_metrics.classes", readable=OWN_CLASSES),
    ):
        op.execute(statement)


def downgrade() -> None:
    for policy in ("tenant", "shared"):
        op.execute(f"DROP POLICY {policy} ON usage_metrics.classes")
    for statement in tenant.isolation("usage_metrics.classes"):
        op.execute(statement)
    op.execute("REVOKE DELETE ON usage_metrics.memberships FROM usage_metrics")
    op.drop_table("erased_users", schema="usage_metrics")
    op.drop_table("places", schema="usage_metrics")
