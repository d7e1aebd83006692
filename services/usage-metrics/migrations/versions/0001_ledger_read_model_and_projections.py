"""ledger, read model and projections"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GRANTS = {
    "usage_metrics.outbox": "SELECT, INSERT, UPDATE, DELETE",
    "usage_metrics.inbox": "SELECT, INSERT, DELETE",
    "usage_metrics.dead_letters": "SELECT, INSERT, UPDATE",
    "partner.usage_events": "SELECT, INSERT",
    "partner.usage_daily": "SELECT, INSERT, UPDATE, DELETE",
    "usage_metrics.memberships": "SELECT, INSERT, UPDATE",
    "usage_metrics.classes": "SELECT, INSERT, UPDATE",
}

# The service's role cannot make tables, and must not: this function makes the ledger's partitions for it, with the
# owner's rights and nothing to pass in. It keeps last month to two months ahead, and gives a late event's month a
# partition too: such rows wait in the default one, where they are booked and counted like all others. What is
# further off than a wrong clock or a long outage explains stays there, so that no event can make tables at will.
MAKE_PARTITIONS = """
CREATE FUNCTION usage_metrics.make_usage_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'Asia/Seoul');
    month timestamp;
    partition text;
    starts timestamptz;
    ends timestamptz;
    made integer := 0;
BEGIN
    -- Two workers that start together must not both make the same month.
    PERFORM pg_advisory_xact_lock(hashtext('usage_metrics.make_usage_partitions'));
    FOR month IN
        SELECT this_month + make_interval(months => n) FROM generate_series(-1, 2) AS n
        UNION
        SELECT date_trunc('month', occurred_at AT TIME ZONE 'Asia/Seoul') FROM partner.usage_events_default
        WHERE occurred_at >= now() - interval '3 years' AND occurred_at < now() + interval '2 months'
        ORDER BY 1
    LOOP
        partition := 'usage_events_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('partner.' || partition) IS NOT NULL;
        starts := month AT TIME ZONE 'Asia/Seoul';
        ends := (month + interval '1 month') AT TIME ZONE 'Asia/Seoul';
        -- Bookings wait here, at the ledger's own door: one that has chosen the default partition and waits there
        -- would be refused once the month has a partition of its own.
        LOCK TABLE ONLY partner.usage_events IN SHARE ROW EXCLUSIVE MODE;
        -- Filled first and attached after: PostgreSQL refuses a partition whose rows lie in the default one.
        EXECUTE format('CREATE TABLE partner.%I (LIKE partner.usage_events INCLUDING ALL)', partition);
        EXECUTE format(
            'WITH moved AS (DELETE FROM partner.usage_events_default WHERE occurred_at >= $1 AND occurred_at < $2 '
            'RETURNING *) INSERT INTO partner.%I SELECT * FROM moved', partition) USING starts, ends;
        EXECUTE format(
            'ALTER TABLE partner.usage_events ATTACH PARTITION partner.%I FOR VALUES FROM (%L) TO (%L)',
            partition, starts, ends);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$function$
"""


def upgrade() -> None:
    op.create_table(
        "usage_daily",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("estimated_calls", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint(
            "day",
            "org_id",
            "partner_id",
            "class_id",
            "user_id",
            "operation",
            "model",
            name="uq_usage_daily_keys",
            postgresql_nulls_not_distinct=True,
        ),
        schema="partner",
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        op.f("ix_usage_daily_class_id_day"), "usage_daily", ["class_id", "day"], unique=False, schema="partner"
    )
    op.create_index(op.f("ix_usage_daily_org_id_day"), "usage_daily", ["org_id", "day"], unique=False, schema="partner")
    op.create_index(
        op.f("ix_usage_daily_partner_id_day"), "usage_daily", ["partner_id", "day"], unique=False, schema="partner"
    )
    op.create_index(
        op.f("ix_usage_daily_user_id_day"), "usage_daily", ["user_id", "day"], unique=False, schema="partner"
    )
    op.create_table(
        "usage_events",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("usage_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("first_token_ms", sa.BigInteger(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("occurred_at", "event_id", name=op.f("pk_usage_events")),
        sa.UniqueConstraint("usage_id", "occurred_at", name=op.f("uq_usage_events_usage_id_occurred_at")),
        schema="partner",
        postgresql_partition_by="RANGE (occurred_at)",
    )
    op.create_index(
        op.f("ix_usage_events_class_id_occurred_at_event_id"),
        "usage_events",
        ["class_id", "occurred_at", "event_id"],
        unique=False,
        schema="partner",
    )
    op.create_index(
        op.f("ix_usage_events_org_id_occurred_at_event_id"),
        "usage_events",
        ["org_id", "occurred_at", "event_id"],
        unique=False,
        schema="partner",
    )
    op.create_index(
        op.f("ix_usage_events_partner_id_occurred_at_event_id"),
        "usage_events",
        ["partner_id", "occurred_at", "event_id"],
        unique=False,
        schema="partner",
    )
    op.create_index(
        op.f("ix_usage_events_user_id_occurred_at_event_id"),
        "usage_events",
        ["user_id", "occurred_at", "event_id"],
        unique=False,
        schema="partner",
    )
    op.create_table(
        "classes",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("class_id", name=op.f("pk_classes")),
        schema="usage_metrics",
    )
    op.create_index(
        "ix_classes_org_id_partner_id", "classes", ["org_id", "partner_id"], unique=False, schema="usage_metrics"
    )
    op.create_index("ix_classes_partner_id", "classes", ["partner_id"], unique=False, schema="usage_metrics")
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("buried_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("redrive_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        schema="usage_metrics",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="usage_metrics",
    )
    op.create_index("ix_inbox_processed_at", "inbox", ["processed_at"], unique=False, schema="usage_metrics")
    op.create_table(
        "memberships",
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_memberships")),
        schema="usage_metrics",
    )
    op.create_index(
        op.f("ix_memberships_partner_id"), "memberships", ["partner_id"], unique=False, schema="usage_metrics"
    )
    op.create_index(op.f("ix_memberships_user_id"), "memberships", ["user_id"], unique=False, schema="usage_metrics")
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "headers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
        schema="usage_metrics",
    )
    op.create_index("ix_outbox_published_at", "outbox", ["published_at"], unique=False, schema="usage_metrics")
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        schema="usage_metrics",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    # The service's role gets its own tables and nothing else; what is not granted here is refused.
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO usage_metrics")
    op.execute("CREATE TABLE partner.usage_events_default PARTITION OF partner.usage_events DEFAULT")
    op.execute(MAKE_PARTITIONS)
    op.execute("REVOKE EXECUTE ON FUNCTION usage_metrics.make_usage_partitions() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION usage_metrics.make_usage_partitions() TO usage_metrics")
    op.execute("SELECT usage_metrics.make_usage_partitions()")


def downgrade() -> None:
    op.execute("DROP FUNCTION usage_metrics.make_usage_partitions()")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        schema="usage_metrics",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("ix_outbox_published_at", table_name="outbox", schema="usage_metrics")
    op.drop_table("outbox", schema="usage_metrics")
    op.drop_index(op.f("ix_memberships_user_id"), table_name="memberships", schema="usage_metrics")
    op.drop_index(op.f("ix_memberships_partner_id"), table_name="memberships", schema="usage_metrics")
    op.drop_table("memberships", schema="usage_metrics")
    op.drop_index("ix_inbox_processed_at", table_name="inbox", schema="usage_metrics")
    op.drop_table("inbox", schema="usage_metrics")
    op.drop_table("dead_letters", schema="usage_metrics")
    op.drop_index("ix_classes_partner_id", table_name="classes", schema="usage_metrics")
    op.drop_index("ix_classes_org_id_partner_id", table_name="classes", schema="usage_metrics")
    op.drop_table("classes", schema="usage_metrics")
    op.drop_index(op.f("ix_usage_events_user_id_occurred_at_event_id"), table_name="usage_events", schema="partner")
    op.drop_index(op.f("ix_usage_events_partner_id_occurred_at_event_id"), table_name="usage_events", schema="partner")
    op.drop_index(op.f("ix_usage_events_org_id_occurred_at_event_id"), table_name="usage_events", schema="partner")
    op.drop_index(op.f("ix_usage_events_class_id_occurred_at_event_id"), table_name="usage_events", schema="partner")
    op.drop_table("usage_events", schema="partner")
    op.drop_index(op.f("ix_usage_daily_user_id_day"), table_name="usage_daily", schema="partner")
    op.drop_index(op.f("ix_usage_daily_partner_id_day"), table_name="usage_daily", schema="partner")
    op.drop_index(op.f("ix_usage_daily_org_id_day"), table_name="usage_daily", schema="partner")
    op.drop_index(op.f("ix_usage_daily_class_id_day"), table_name="usage_daily", schema="partner")
    op.drop_table("usage_daily", schema="partner")
