"""classes in full"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from chassis import tenant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GRANTS = {
    "partner.courses": "UPDATE",
    "partner.classes": "UPDATE",
    "partner.enrollments": "UPDATE",
    # Put in and taken out, never changed.
    "partner.class_materials": "SELECT, INSERT, DELETE",
    # What happened is written once.
    "partner.enrollment_changes": "SELECT, INSERT",
    "org_partner.documents": "SELECT, INSERT, UPDATE",
    "org_partner.guessing_sources": "SELECT, INSERT, UPDATE, DELETE",
}

IN_CLASSES = """(
    SELECT 1 FROM partner.class_materials m WHERE m.document_id = documents.document_id
    UNION ALL SELECT 1 FROM partner.classes c WHERE c.class_id = ANY (documents.class_ids)) ways"""

ISOLATED = (
    tenant.isolation("partner.class_materials"),
    tenant.isolation("partner.enrollment_changes"),
    # A colleague's document of no org is seen once a class lists it, or it is open to one, and stays the colleague's.
    tenant.isolation("org_partner.documents", user="owner_id", readable=IN_CLASSES),
)

JSON = postgresql.JSONB(astext_type=sa.Text())
NO_TEXTS = sa.text("'{}'::text[]")
NO_UUIDS = sa.text("'{}'::uuid[]")
NOW = sa.text("now()")


def upgrade() -> None:
    _describe_courses()
    _let_classes_have_periods_and_contents()
    _create_class_materials()
    _let_enrollments_change()
    _let_codes_have_labels()
    _create_documents()
    _create_guessing_sources()
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")
    for statements in ISOLATED:
        for statement in statements:
            op.execute(statement)


def _describe_courses() -> None:
    op.add_column("courses", sa.Column("description", sa.Text(), server_default="", nullable=False), schema="partner")
    op.add_column("courses", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True), schema="partner")


def _let_classes_have_periods_and_contents() -> None:
    for column in (
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("allowed_models", postgresql.ARRAY(sa.Text()), server_default=NO_TEXTS, nullable=False),
        sa.Column("class_budget", JSON, nullable=True),
        sa.Column("student_budget", JSON, nullable=True),
        sa.Column("config_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
    ):
        op.add_column("classes", column, schema="partner")
    # Until now a class was made by being opened.
    op.execute("UPDATE partner.classes SET created_at = opened_at")
    op.alter_column("classes", "opened_at", nullable=True, schema="partner")
    for name, rule in (
        ("status", "status IN ('draft', 'open', 'closed')"),
        ("draft_is_not_opened", "status <> 'draft' OR opened_at IS NULL"),
        ("closed_at", "(status = 'closed') = (closed_at IS NOT NULL)"),
        ("period", "opens_at < closes_at"),
        ("capacity", "capacity >= 1"),
    ):
        op.create_check_constraint(op.f(f"ck_classes_{name}"), "classes", rule, schema="partner")
    op.create_index(
        op.f("ix_classes_partner_id_created_at_class_id"),
        "classes",
        ["partner_id", "created_at", "class_id"],
        unique=False,
        schema="partner",
    )
    op.create_index(
        "ix_classes_due_to_open",
        "classes",
        ["opens_at"],
        unique=False,
        schema="partner",
        postgresql_where=sa.text("status = 'open' AND opened_at IS NULL"),
    )
    op.create_index(
        "ix_classes_due_to_close",
        "classes",
        ["closes_at"],
        unique=False,
        schema="partner",
        postgresql_where=sa.text("status = 'open'"),
    )


def _create_class_materials() -> None:
    op.create_table(
        "class_materials",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            ["partner.classes.org_id", "partner.classes.partner_id", "partner.classes.class_id"],
            name=op.f("fk_class_materials_org_id_classes"),
        ),
        sa.PrimaryKeyConstraint("class_id", "document_id", name=op.f("pk_class_materials")),
        schema="partner",
    )
    op.create_index(
        op.f("ix_class_materials_document_id"), "class_materials", ["document_id"], unique=False, schema="partner"
    )


def _let_enrollments_change() -> None:
    for column in (
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("assigned_models", postgresql.ARRAY(sa.Text()), server_default=NO_TEXTS, nullable=False),
        sa.Column("assigned_budget", JSON, nullable=True),
        sa.Column("assigned_material_ids", postgresql.ARRAY(sa.Uuid()), server_default=NO_UUIDS, nullable=False),
    ):
        op.add_column("enrollments", column, schema="partner")
    op.drop_constraint(op.f("ck_enrollments_status"), "enrollments", schema="partner", type_="check")
    op.create_check_constraint(
        op.f("ck_enrollments_status"), "enrollments", "status IN ('active', 'paused', 'ended')", schema="partner"
    )
    op.create_unique_constraint(
        op.f("uq_enrollments_org_id_enrollment_id"), "enrollments", ["org_id", "enrollment_id"], schema="partner"
    )
    op.create_index(
        op.f("ix_enrollments_partner_id_enrolled_at_enrollment_id"),
        "enrollments",
        ["partner_id", "enrolled_at", "enrollment_id"],
        unique=False,
        schema="partner",
    )
    op.create_table(
        "enrollment_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("detail", JSON, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "enrollment_id"],
            ["partner.enrollments.org_id", "partner.enrollments.enrollment_id"],
            name=op.f("fk_enrollment_changes_org_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_enrollment_changes")),
        sa.UniqueConstraint("enrollment_id", "version", name=op.f("uq_enrollment_changes_enrollment_id_version")),
        schema="partner",
    )
    # Whoever is in until now came by a code of their own.
    op.execute("""
        INSERT INTO partner.enrollment_changes
            (change_id, org_id, enrollment_id, version, action, status, actor_id, changed_at)
        SELECT gen_random_uuid(), e.org_id, e.enrollment_id, e.version, 'enrolled', e.status, s.user_id, e.enrolled_at
        FROM partner.enrollments e JOIN partner.students s ON s.student_id = e.student_id""")


def _let_codes_have_labels() -> None:
    for name in ("label", "note"):
        op.add_column("invite_codes", sa.Column(name, sa.Text(), server_default="", nullable=False), schema="partner")
    op.add_column("invite_codes", sa.Column("recipient_hash", sa.LargeBinary(), nullable=True), schema="partner")
    op.create_index(
        "ix_invite_codes_recipient_hash",
        "invite_codes",
        ["class_id", "recipient_hash"],
        unique=False,
        schema="partner",
        postgresql_where=sa.text("recipient_hash IS NOT NULL"),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("class_id", sa.Uuid(), nullable=True),
        sa.Column("class_ids", postgresql.ARRAY(sa.Uuid()), server_default=NO_UUIDS, nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_documents")),
        schema="org_partner",
    )
    op.create_index(op.f("ix_documents_owner_id"), "documents", ["owner_id"], unique=False, schema="org_partner")


def _create_guessing_sources() -> None:
    op.create_table(
        "guessing_sources",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "hour", name=op.f("pk_guessing_sources")),
        schema="org_partner",
    )


def downgrade() -> None:
    op.drop_table("guessing_sources", schema="org_partner")
    op.drop_table("documents", schema="org_partner")
    op.drop_index("ix_invite_codes_recipient_hash", table_name="invite_codes", schema="partner")
    for name in ("recipient_hash", "note", "label"):
        op.drop_column("invite_codes", name, schema="partner")
    op.drop_table("enrollment_changes", schema="partner")
    _end_what_paused()
    op.drop_table("class_materials", schema="partner")
    _make_classes_open()
    for name in ("archived_at", "description"):
        op.drop_column("courses", name, schema="partner")
    for table in ("partner.courses", "partner.classes", "partner.enrollments"):
        op.execute(f"REVOKE UPDATE ON {table} FROM org_partner")


def _end_what_paused() -> None:
    op.drop_index(
        op.f("ix_enrollments_partner_id_enrolled_at_enrollment_id"), table_name="enrollments", schema="partner"
    )
    op.drop_constraint(op.f("uq_enrollments_org_id_enrollment_id"), "enrollments", schema="partner", type_="unique")
    op.drop_constraint(op.f("ck_enrollments_status"), "enrollments", schema="partner", type_="check")
    # Without pauses, nobody may get in who was kept out.
    op.execute("UPDATE partner.enrollments SET status = 'ended' WHERE status = 'paused'")
    op.create_check_constraint(
        op.f("ck_enrollments_status"), "enrollments", "status IN ('active', 'ended')", schema="partner"
    )
    for name in ("assigned_material_ids", "assigned_budget", "assigned_models", "ended_by"):
        op.drop_column("enrollments", name, schema="partner")


def _make_classes_open() -> None:
    for name in ("due_to_close", "due_to_open", "partner_id_created_at_class_id"):
        op.drop_index(op.f(f"ix_classes_{name}"), table_name="classes", schema="partner")
    for name in ("capacity", "period", "closed_at", "draft_is_not_opened", "status"):
        op.drop_constraint(op.f(f"ck_classes_{name}"), "classes", schema="partner", type_="check")
    op.execute("UPDATE partner.classes SET opened_at = created_at WHERE opened_at IS NULL")
    op.alter_column("classes", "opened_at", nullable=False, schema="partner")
    for name in (
        "created_at",
        "config_version",
        "student_budget",
        "class_budget",
        "allowed_models",
        "capacity",
        "closed_at",
        "closes_at",
        "opens_at",
        "status",
    ):
        op.drop_column("classes", name, schema="partner")
