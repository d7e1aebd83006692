"""audit log"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRANTS = {
    "supervisor.audit_events": "SELECT, INSERT",
    # What is personal in the log goes with the person's account; nothing is ever changed.
    "supervisor.audit_origins": "SELECT, INSERT, DELETE",
}

# What somebody did themselves, and what was done to their account, is theirs in whatever org it happened.
TARGET_POLICY = """
CREATE POLICY target ON supervisor.audit_events FOR SELECT
USING (target = 'user/' || (SELECT nullif(current_setting('app.user', true), '')))
"""

PARTITIONED = (("partner", "usage_events"), ("supervisor", "audit_events"))

# A table's policies hold for who comes through it, not for who names a partition. Nobody is granted one; behind a wall
# of its own it stays empty all the same, also to its owner, but for the function below.
WALL_PARTITION = """
CREATE FUNCTION usage_metrics.wall_partition(p_schema text, p_partition text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    platform CONSTANT text := '(SELECT current_setting(''app.platform'', true)) = ''on''';
BEGIN
    EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY', p_schema, p_partition);
    EXECUTE format('ALTER TABLE %I.%I FORCE ROW LEVEL SECURITY', p_schema, p_partition);
    EXECUTE format(
        'CREATE POLICY tenant ON %I.%I USING (%s) WITH CHECK (%s)', p_schema, p_partition, platform, platform);
END
$function$
"""

# 0001's function, for any table that is partitioned by `occurred_at` and has a partition `<table>_default`. Its
# reasons hold here as well.
MAKE_PARTITIONS_OF = """
CREATE FUNCTION usage_metrics.make_partitions_of(p_schema text, p_table text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'Asia/Seoul');
    waiting text := p_table || '_default';
    month timestamp;
    partition text;
    starts timestamptz;
    ends timestamptz;
    made integer := 0;
    context text := coalesce(current_setting('app.platform', true), '');
BEGIN
    PERFORM set_config('app.platform', 'on', true);
    FOR month IN EXECUTE format(
        'SELECT $1 + make_interval(months => n) FROM generate_series(-1, 2) AS n '
        'UNION '
        'SELECT date_trunc(''month'', occurred_at AT TIME ZONE ''Asia/Seoul'') FROM %I.%I '
        'WHERE occurred_at >= now() - interval ''3 years'' AND occurred_at < now() + interval ''2 months'' '
        'ORDER BY 1', p_schema, waiting) USING this_month
    LOOP
        partition := p_table || '_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass(format('%I.%I', p_schema, partition)) IS NOT NULL;
        starts := month AT TIME ZONE 'Asia/Seoul';
        ends := (month + interval '1 month') AT TIME ZONE 'Asia/Seoul';
        EXECUTE format('LOCK TABLE ONLY %I.%I IN SHARE ROW EXCLUSIVE MODE', p_schema, p_table);
        EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.%3$I INCLUDING ALL)', p_schema, partition, p_table);
        EXECUTE format(
            'WITH moved AS (DELETE FROM %1$I.%2$I WHERE occurred_at >= $1 AND occurred_at < $2 RETURNING *) '
            'INSERT INTO %1$I.%3$I SELECT * FROM moved', p_schema, waiting, partition) USING starts, ends;
        PERFORM usage_metrics.wall_partition(p_schema, partition);
        EXECUTE format(
            'ALTER TABLE %1$I.%2$I ATTACH PARTITION %1$I.%3$I FOR VALUES FROM (%4$L) TO (%5$L)',
            p_schema, p_table, partition, starts, ends);
        made := made + 1;
    END LOOP;
    PERFORM set_config('app.platform', context, true);
    RETURN made;
END
$function$
"""

# The only one of the three that the service may call: with the owner's rights, and nothing to pass in.
MAKE_PARTITIONS = """
CREATE FUNCTION usage_metrics.make_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    -- Two workers that start together must not both make the same month.
    PERFORM pg_advisory_xact_lock(hashtext('usage_metrics.make_partitions'));
    RETURN usage_metrics.make_partitions_of('partner', 'usage_events')
         + usage_metrics.make_partitions_of('supervisor', 'audit_events');
END
$function$
"""

EACH_PARTITION = """
DO $do$
DECLARE
    name name;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = '{schema}.{table}'::regclass
    LOOP
        {act};
    END LOOP;
END
$do$
"""
OPEN_PARTITION = """
        EXECUTE format('DROP POLICY tenant ON {schema}.%I', name);
        EXECUTE format('ALTER TABLE {schema}.%I NO FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE {schema}.%I DISABLE ROW LEVEL SECURITY', name)"""


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("occurred_at", "audit_id", name=op.f("pk_audit_events")),
        schema="supervisor",
        postgresql_partition_by="RANGE (occurred_at)",
    )
    for column in ("org_id", "partner_id", "class_id", "actor_id", "target"):
        op.create_index(
            op.f(f"ix_audit_events_{column}_occurred_at_audit_id"),
            "audit_events",
            [column, "occurred_at", "audit_id"],
            schema="supervisor",
        )
    op.create_table(
        "audit_origins",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_origins")),
        schema="supervisor",
    )
    op.create_index(op.f("ix_audit_origins_user_id"), "audit_origins", ["user_id"], schema="supervisor")
    op.create_index(op.f("ix_audit_origins_ip"), "audit_origins", ["ip"], schema="supervisor")
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO usage_metrics")
    for statement in (
        *tenant.isolation("supervisor.audit_events", reader="actor_id"),
        TARGET_POLICY,
        *tenant.isolation("supervisor.audit_origins", org=None, user="user_id"),
    ):
        op.execute(statement)
    op.execute("CREATE TABLE supervisor.audit_events_default PARTITION OF supervisor.audit_events DEFAULT")
    op.execute("DROP FUNCTION usage_metrics.make_usage_partitions()")
    for statement in (WALL_PARTITION, MAKE_PARTITIONS_OF, MAKE_PARTITIONS):
        op.execute(statement)
    for function in ("wall_partition(text, text)", "make_partitions_of(text, text)", "make_partitions()"):
        op.execute(f"REVOKE EXECUTE ON FUNCTION usage_metrics.{function} FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION usage_metrics.make_partitions() TO usage_metrics")
    for schema, table in PARTITIONED:
        act = f"PERFORM usage_metrics.wall_partition('{schema}', name)"
        op.execute(EACH_PARTITION.format(schema=schema, table=table, act=act))
    op.execute("SELECT usage_metrics.make_partitions()")


def downgrade() -> None:
    for function in ("make_partitions()", "make_partitions_of(text, text)", "wall_partition(text, text)"):
        op.execute(f"DROP FUNCTION usage_metrics.{function}")
    op.drop_table("audit_origins", schema="supervisor")
    op.drop_table("audit_events", schema="supervisor")
    act = OPEN_PARTITION.format(schema="partner")
    op.execute(EACH_PARTITION.format(schema="partner", table="usage_events", act=act))
    first = op.get_context().script.get_revision("0001").module
    op.execute(first.MAKE_PARTITIONS)
    op.execute("REVOKE EXECUTE ON FUNCTION usage_metrics.make_usage_partitions() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION usage_metrics.make_usage_partitions() TO usage_metrics")
