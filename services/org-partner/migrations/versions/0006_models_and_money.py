"""models and money"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

GRANTS = {
    # Cleared ones stay as an empty row.
    "partner.llm_settings": "SELECT, INSERT, UPDATE",
}

ISOLATED = (tenant.isolation("partner.llm_settings"),)


def upgrade() -> None:
    op.create_table(
        "llm_settings",
        sa.Column("settings_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("base_url", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column(
            "allowed_models", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False
        ),
        sa.Column(
            "price_override",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=True),
        sa.Column("key_set_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(provider IS NULL) = (base_url IS NULL)", name=op.f("ck_llm_settings_provider_has_base_url")
        ),
        sa.CheckConstraint("sealed_key IS NULL OR base_url IS NOT NULL", name=op.f("ck_llm_settings_key_has_base_url")),
        sa.CheckConstraint("(sealed_key IS NULL) = (key_set_at IS NULL)", name=op.f("ck_llm_settings_key_set_at")),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id"],
            ["partner.partners.org_id", "partner.partners.partner_id"],
            name=op.f("fk_llm_settings_org_id_partners"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_llm_settings_org_id_orgs")),
        sa.PrimaryKeyConstraint("settings_id", name=op.f("pk_llm_settings")),
        sa.UniqueConstraint(
            "org_id",
            "partner_id",
            name=op.f("uq_llm_settings_org_id_partner_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="partner",
    )
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("llm_settings", schema="partner")
