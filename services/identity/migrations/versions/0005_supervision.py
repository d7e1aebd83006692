"""supervision: why an account is suspended, history of platform settings, reports of erasures"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Both are added to; what they say of a change or an erasure is never altered.
GRANTS = {
    # Where a change came from is forgotten together with whoever made it.
    "supervisor.platform_setting_changes": "SELECT, INSERT, UPDATE (ip, user_agent)",
    "identity.erasures": "SELECT, INSERT",
}


def upgrade() -> None:
    op.add_column("app_user", sa.Column("status_reason", sa.Text(), nullable=True), schema="user")
    op.create_index(
        op.f("ix_app_user_created_at_user_id"), "app_user", ["created_at", "user_id"], unique=False, schema="user"
    )
    op.alter_column("platform_setting", "value", nullable=True, schema="supervisor")
    op.create_table(
        "platform_setting_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("old_value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("new_value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("changed_by", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["user.app_user.user_id"], name=op.f("fk_platform_setting_changes_changed_by_app_user")
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_platform_setting_changes")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_platform_setting_changes_name_version")),
        schema="supervisor",
    )
    op.create_table(
        "erasures",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.app_user.user_id"], name=op.f("fk_erasures_user_id_app_user")),
        sa.PrimaryKeyConstraint("user_id", "service", "erased_at", name=op.f("pk_erasures")),
        schema="identity",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO identity")


def downgrade() -> None:
    op.drop_table("erasures", schema="identity")
    op.drop_table("platform_setting_changes", schema="supervisor")
    # One that was taken back to its default is one that nobody set.
    op.execute("DELETE FROM supervisor.platform_setting WHERE value IS NULL")
    op.alter_column("platform_setting", "value", nullable=False, schema="supervisor")
    op.drop_index(op.f("ix_app_user_created_at_user_id"), table_name="app_user", schema="user")
    op.drop_column("app_user", "status_reason", schema="user")
