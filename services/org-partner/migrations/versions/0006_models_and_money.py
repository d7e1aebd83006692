"""models and money"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NOW = sa.text("now()")
JSON = postgresql.JSONB(astext_type=sa.Text())
TERMS_FIT_KIND = (
    "CASE kind WHEN 'share' THEN share_bps IS NOT NULL AND share_bps BETWEEN 0 AND 10000 AND fixed_fee IS NULL "
    "WHEN 'fixed_fee' THEN fixed_fee IS NOT NULL AND fixed_fee >= 0 AND share_bps IS NULL AND tiers = '[]'::jsonb "
    "ELSE false END"
)

GRANTS = {
    # Cleared ones stay as an empty row.
    "partner.llm_settings": "SELECT, INSERT, UPDATE",
    # What was decided stays as it is; it can only be withdrawn.
    "partner.settlement_policies": "SELECT, INSERT, UPDATE (withdrawn_at, withdrawn_by)",
    "partner.class_activity_daily": "SELECT, INSERT, UPDATE",
}

ISOLATED = (
    tenant.isolation("partner.llm_settings"),
    tenant.isolation("partner.settlement_policies"),
    tenant.isolation("partner.class_activity_daily"),
)


def upgrade() -> None:
    _create_llm_settings()
    _create_settlement_policies()
    _create_class_activity_daily()
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def _create_llm_settings() -> None:
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
            onupdate="CASCADE",
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


def _create_settlement_policies() -> None:
    op.create_table(
        "settlement_policies",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("share_bps", sa.Integer(), nullable=True),
        sa.Column("fixed_fee", sa.BigInteger(), nullable=True),
        sa.Column("tiers", JSON, nullable=False),
        sa.Column("minimum_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("rounding", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("adopted_by", sa.Uuid(), nullable=False),
        sa.Column("adopted_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(TERMS_FIT_KIND, name=op.f("ck_settlement_policies_terms_fit_kind")),
        sa.CheckConstraint("minimum_amount >= 0", name=op.f("ck_settlement_policies_minimum_amount")),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_settlement_policies_currency")),
        sa.CheckConstraint(
            "rounding IN ('down', 'half_up', 'half_even')", name=op.f("ck_settlement_policies_rounding")
        ),
        sa.CheckConstraint("adopted_at < effective_from", name=op.f("ck_settlement_policies_not_in_the_past")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name=op.f("ck_settlement_policies_withdrawn")
        ),
        sa.CheckConstraint("withdrawn_at < effective_from", name=op.f("ck_settlement_policies_withdrawn_in_time")),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_settlement_policies_org_id_orgs")),
        sa.PrimaryKeyConstraint("policy_id", name=op.f("pk_settlement_policies")),
        sa.UniqueConstraint("org_id", "version", name=op.f("uq_settlement_policies_org_id_version")),
        schema="partner",
    )
    op.create_index(
        "uq_settlement_policies_org_id_effective_from",
        "settlement_policies",
        ["org_id", "effective_from"],
        unique=True,
        schema="partner",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_index(
        op.f("ix_settlement_policies_org_id_adopted_at_policy_id"),
        "settlement_policies",
        ["org_id", "adopted_at", "policy_id"],
        unique=False,
        schema="partner",
    )


def _create_class_activity_daily() -> None:
    op.create_table(
        "class_activity_daily",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), server_default="0", nullable=False)
            for name in ("questions", "failed", "cancelled", "uploads")
        ),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            ["partner.classes.org_id", "partner.classes.partner_id", "partner.classes.class_id"],
            name=op.f("fk_class_activity_daily_org_id_classes"),
        ),
        sa.PrimaryKeyConstraint("class_id", "day", "user_id", name=op.f("pk_class_activity_daily")),
        schema="partner",
    )
    for column in ("org_id", "partner_id"):
        name = op.f(f"ix_class_activity_daily_{column}_day")
        op.create_index(name, "class_activity_daily", [column, "day"], unique=False, schema="partner")


def downgrade() -> None:
    op.drop_table("class_activity_daily", schema="partner")
    op.drop_table("settlement_policies", schema="partner")
    op.drop_table("llm_settings", schema="partner")
