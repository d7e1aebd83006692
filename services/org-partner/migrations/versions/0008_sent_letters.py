"""sent letters"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What a crash of the database loses are counts of a day.
    op.create_table(
        "sent_letters",
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column("address_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("letter_id", name=op.f("pk_sent_letters")),
        schema="org_partner",
        prefixes=["UNLOGGED"],
    )
    for name, columns in (
        ("ix_sent_letters_address_hash_sent_at", ["address_hash", "sent_at"]),
        ("ix_sent_letters_sender_sent_at", ["sender", "sent_at"]),
        ("ix_sent_letters_sent_at", ["sent_at"]),
    ):
        op.create_index(op.f(name), "sent_letters", columns, unique=False, schema="org_partner")
    op.execute("GRANT SELECT, INSERT, DELETE ON org_partner.sent_letters TO org_partner")


def downgrade() -> None:
    op.drop_table("sent_letters", schema="org_partner")
