"""activities and mails"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRANTS = {
    "org_partner.mails": "SELECT, INSERT, UPDATE, DELETE",
    # What happened is written once.
    "partner.activities": "SELECT, INSERT",
}


def upgrade() -> None:
    op.create_table(
        "mails",
        sa.Column("mail_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_mails")),
        schema="org_partner",
    )
    op.create_index(op.f("ix_mails_next_try_at"), "mails", ["next_try_at"], unique=False, schema="org_partner")
    op.create_table(
        "activities",
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("activity_id", name=op.f("pk_activities")),
        schema="partner",
    )
    for column in ("org_id", "partner_id", "class_id"):
        name = op.f(f"ix_activities_{column}_occurred_at_activity_id")
        op.create_index(name, "activities", [column, "occurred_at", "activity_id"], unique=False, schema="partner")
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")
    for statement in tenant.isolation("partner.activities"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("activities", schema="partner")
    op.drop_index(op.f("ix_mails_next_try_at"), table_name="mails", schema="org_partner")
    op.drop_table("mails", schema="org_partner")
