"""orgs classes invites and enrollments"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GRANTS = {
    "org_partner.outbox": "SELECT, INSERT, UPDATE, DELETE",
    "org_partner.inbox": "SELECT, INSERT, DELETE",
    "org_partner.dead_letters": "SELECT, INSERT, UPDATE",
    "org_partner.users": "SELECT, INSERT",
    "org_partner.refused_redemptions": "SELECT, INSERT, DELETE",
    "partner.orgs": "SELECT, INSERT",
    "partner.partners": "SELECT, INSERT",
    "partner.memberships": "SELECT, INSERT",
    "partner.courses": "SELECT, INSERT",
    "partner.classes": "SELECT, INSERT",
    "partner.invite_codes": "SELECT, INSERT, UPDATE",
    "partner.students": "SELECT, INSERT",
    "partner.enrollments": "SELECT, INSERT",
}


def upgrade() -> None:
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
        schema="org_partner",
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
        schema="org_partner",
    )
    op.create_index("ix_inbox_processed_at", "inbox", ["processed_at"], unique=False, schema="org_partner")
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
        schema="org_partner",
    )
    op.create_index("ix_outbox_published_at", "outbox", ["published_at"], unique=False, schema="org_partner")
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        schema="org_partner",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "refused_redemptions",
        sa.Column("refusal_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("refusal_id", name=op.f("pk_refused_redemptions")),
        schema="org_partner",
    )
    op.create_index(
        op.f("ix_refused_redemptions_user_id_refused_at"),
        "refused_redemptions",
        ["user_id", "refused_at"],
        unique=False,
        schema="org_partner",
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        schema="org_partner",
    )
    op.create_index(op.f("ix_users_email"), "users", ["email"], unique=False, schema="org_partner")
    op.create_table(
        "orgs",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("org_id", name=op.f("pk_orgs")),
        schema="partner",
    )
    op.create_index(op.f("ix_orgs_created_at_org_id"), "orgs", ["created_at", "org_id"], unique=False, schema="partner")
    op.create_table(
        "courses",
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_courses_org_id_orgs")),
        sa.PrimaryKeyConstraint("course_id", name=op.f("pk_courses")),
        sa.UniqueConstraint("org_id", "course_id", name=op.f("uq_courses_org_id_course_id")),
        schema="partner",
    )
    op.create_table(
        "partners",
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_partners_org_id_orgs")),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_partners")),
        sa.UniqueConstraint("org_id", "partner_id", name=op.f("uq_partners_org_id_partner_id")),
        schema="partner",
    )
    op.create_table(
        "students",
        sa.Column("student_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_students_org_id_orgs")),
        sa.ForeignKeyConstraint(["user_id"], ["user.app_user.user_id"], name=op.f("fk_students_user_id_app_user")),
        sa.PrimaryKeyConstraint("student_id", name=op.f("pk_students")),
        sa.UniqueConstraint("org_id", "student_id", name=op.f("uq_students_org_id_student_id")),
        sa.UniqueConstraint("org_id", "user_id", name=op.f("uq_students_org_id_user_id")),
        schema="partner",
    )
    op.create_index(op.f("ix_students_user_id"), "students", ["user_id"], unique=False, schema="partner")
    op.create_table(
        "classes",
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "course_id"],
            ["partner.courses.org_id", "partner.courses.course_id"],
            name=op.f("fk_classes_org_id_courses"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id"],
            ["partner.partners.org_id", "partner.partners.partner_id"],
            name=op.f("fk_classes_org_id_partners"),
        ),
        sa.PrimaryKeyConstraint("class_id", name=op.f("pk_classes")),
        sa.UniqueConstraint("org_id", "partner_id", "class_id", name=op.f("uq_classes_org_id_partner_id_class_id")),
        schema="partner",
    )
    op.create_table(
        "memberships",
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "CASE WHEN partner_id IS NULL THEN role = 'org_admin' ELSE role IN ('partner_owner', 'instructor', 'assistant') END",
            name=op.f("ck_memberships_role_fits_scope"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id"],
            ["partner.partners.org_id", "partner.partners.partner_id"],
            name=op.f("fk_memberships_org_id_partners"),
        ),
        sa.ForeignKeyConstraint(["org_id"], ["partner.orgs.org_id"], name=op.f("fk_memberships_org_id_orgs")),
        sa.ForeignKeyConstraint(["user_id"], ["user.app_user.user_id"], name=op.f("fk_memberships_user_id_app_user")),
        sa.PrimaryKeyConstraint("membership_id", name=op.f("pk_memberships")),
        sa.UniqueConstraint(
            "user_id",
            "org_id",
            "partner_id",
            name=op.f("uq_memberships_user_id_org_id_partner_id"),
            postgresql_nulls_not_distinct=True,
        ),
        schema="partner",
    )
    op.create_table(
        "enrollments",
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("student_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('active', 'ended')", name=op.f("ck_enrollments_status")),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            ["partner.classes.org_id", "partner.classes.partner_id", "partner.classes.class_id"],
            name=op.f("fk_enrollments_org_id_classes"),
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "student_id"],
            ["partner.students.org_id", "partner.students.student_id"],
            name=op.f("fk_enrollments_org_id_students"),
        ),
        sa.PrimaryKeyConstraint("enrollment_id", name=op.f("pk_enrollments")),
        sa.UniqueConstraint("student_id", "class_id", name=op.f("uq_enrollments_student_id_class_id")),
        schema="partner",
    )
    op.create_index(
        op.f("ix_enrollments_class_id_enrolled_at_enrollment_id"),
        "enrollments",
        ["class_id", "enrolled_at", "enrollment_id"],
        unique=False,
        schema="partner",
    )
    op.create_table(
        "invite_codes",
        sa.Column("invite_code_id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("class_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("used_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("used_count BETWEEN 0 AND max_uses", name=op.f("ck_invite_codes_used_count")),
        sa.ForeignKeyConstraint(
            ["org_id", "partner_id", "class_id"],
            ["partner.classes.org_id", "partner.classes.partner_id", "partner.classes.class_id"],
            name=op.f("fk_invite_codes_org_id_classes"),
        ),
        sa.PrimaryKeyConstraint("invite_code_id", name=op.f("pk_invite_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_invite_codes_code_hash")),
        schema="partner",
    )
    op.create_index(
        op.f("ix_invite_codes_class_id_created_at"),
        "invite_codes",
        ["class_id", "created_at"],
        unique=False,
        schema="partner",
    )
    # The service's role gets its own tables and nothing else; what is not granted here is refused.
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO org_partner")


def downgrade() -> None:
    op.drop_index(op.f("ix_invite_codes_class_id_created_at"), table_name="invite_codes", schema="partner")
    op.drop_table("invite_codes", schema="partner")
    op.drop_index(op.f("ix_enrollments_class_id_enrolled_at_enrollment_id"), table_name="enrollments", schema="partner")
    op.drop_table("enrollments", schema="partner")
    op.drop_table("memberships", schema="partner")
    op.drop_table("classes", schema="partner")
    op.drop_index(op.f("ix_students_user_id"), table_name="students", schema="partner")
    op.drop_table("students", schema="partner")
    op.drop_table("partners", schema="partner")
    op.drop_table("courses", schema="partner")
    op.drop_index(op.f("ix_orgs_created_at_org_id"), table_name="orgs", schema="partner")
    op.drop_table("orgs", schema="partner")
    op.drop_index(op.f("ix_users_email"), table_name="users", schema="org_partner")
    op.drop_table("users", schema="org_partner")
    op.drop_index(
        op.f("ix_refused_redemptions_user_id_refused_at"), table_name="refused_redemptions", schema="org_partner"
    )
    op.drop_table("refused_redemptions", schema="org_partner")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        schema="org_partner",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("ix_outbox_published_at", table_name="outbox", schema="org_partner")
    op.drop_table("outbox", schema="org_partner")
    op.drop_index("ix_inbox_processed_at", table_name="inbox", schema="org_partner")
    op.drop_table("inbox", schema="org_partner")
    op.drop_table("dead_letters", schema="org_partner")
