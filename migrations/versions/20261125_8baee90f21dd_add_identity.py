"""Add what identity needs: groups and invitations, keys, mailed links, mails, audit, the control stream.

Revision ID: 8baee90f21dd
Revises: a4c81f7e2d90
Create Date: 2026-11-25 11:18:04.047709+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "8baee90f21dd"
down_revision: str | None = "a4c81f7e2d90"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "mail",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("recipient", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mail"),
    )
    op.create_index("ix_mail_due_at", "mail", ["due_at"], unique=False)
    op.create_table(
        "people_group",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people_group"),
        sa.UniqueConstraint("slug", name="uq_people_group_slug"),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.String(length=40), nullable=False),
        sa.Column("algorithm", sa.String(length=80), nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signs_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=True),
        sa.Column("group_id", sa.String(length=12), nullable=True),
        sa.Column("account_id", sa.String(length=12), nullable=True),
        sa.Column("actor_kind", sa.String(length=80), nullable=False),
        sa.Column("actor_id", sa.String(length=12), nullable=True),
        sa.Column("address", sa.String(length=255), nullable=True),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("object_kind", sa.String(length=80), nullable=False),
        sa.Column("object_id", sa.String(length=12), nullable=True),
        sa.Column("before", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_audit_entry_account_id_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["people_group.id"], name="fk_audit_entry_group_id_people_group", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_audit_entry_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_account_id_id", "audit_entry", ["account_id", "id"], unique=False)
    op.create_index("ix_audit_entry_actor_id", "audit_entry", ["actor_id"], unique=False)
    op.create_index("ix_audit_entry_group_id_id", "audit_entry", ["group_id", "id"], unique=False)
    op.create_index("ix_audit_entry_page_id_id", "audit_entry", ["page_id", "id"], unique=False)
    op.create_table(
        "foreign_identity",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_foreign_identity_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_foreign_identity"),
    )
    op.create_index("ix_foreign_identity_account_id", "foreign_identity", ["account_id"], unique=False)
    op.create_table(
        "group_member",
        sa.Column("group_id", sa.String(length=12), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("role", sa.String(length=80), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_group_member_account_id_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["people_group.id"], name="fk_group_member_group_id_people_group", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "account_id", name="pk_group_member"),
    )
    op.create_index("ix_group_member_account_id", "group_member", ["account_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("group_id", sa.String(length=12), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by", sa.String(length=12), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("uses BETWEEN 0 AND max_uses", name="ck_invitation_uses"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["account.id"], name="fk_invitation_created_by_account", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["people_group.id"], name="fk_invitation_group_id_people_group", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
        sa.UniqueConstraint("token_hash", name="uq_invitation_token_hash"),
    )
    op.create_index("ix_invitation_group_id", "invitation", ["group_id"], unique=False)
    op.create_index(
        "uq_invitation_open_email",
        "invitation",
        ["group_id", "email"],
        unique=True,
        postgresql_where=sa.text("email IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_table(
        "machine_key",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("created_by", sa.String(length=12), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["account.id"], name="fk_machine_key_created_by_account", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_machine_key"),
        sa.UniqueConstraint("token_hash", name="uq_machine_key_token_hash"),
    )
    op.create_table(
        "mailed_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_mailed_token_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name="pk_mailed_token"),
    )
    op.create_index("ix_mailed_token_account_id", "mailed_token", ["account_id"], unique=False)
    op.create_table(
        "invitation_use",
        sa.Column("invitation_id", sa.String(length=12), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_invitation_use_account_id_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invitation_id"],
            ["invitation.id"],
            name="fk_invitation_use_invitation_id_invitation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("invitation_id", "account_id", name="pk_invitation_use"),
    )
    op.create_index("ix_invitation_use_account_id", "invitation_use", ["account_id"], unique=False)
    op.create_table(
        "machine_key_page",
        sa.Column("key_id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["machine_key.id"], name="fk_machine_key_page_key_id_machine_key", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_machine_key_page_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key_id", "page_id", name="pk_machine_key_page"),
    )
    op.create_index("ix_machine_key_page_page_id", "machine_key_page", ["page_id"], unique=False)
    op.add_column("account", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("account", "email", existing_type=sa.VARCHAR(length=255), nullable=True)
    op.alter_column("account", "password_hash", existing_type=sa.VARCHAR(length=255), nullable=True)
    # What every node follows to learn of rights that change: a channel like any other (docs/guarantees.md).
    op.execute(
        "INSERT INTO channel (name, epoch)"
        " VALUES ('control', substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)) ON CONFLICT DO NOTHING"
    )


def downgrade() -> None:
    op.execute("DELETE FROM channel WHERE name = 'control'")
    op.execute("DELETE FROM account WHERE email IS NULL OR password_hash IS NULL")  # cannot sign in before this version
    op.alter_column("account", "password_hash", existing_type=sa.VARCHAR(length=255), nullable=False)
    op.alter_column("account", "email", existing_type=sa.VARCHAR(length=255), nullable=False)
    op.drop_column("account", "deleted_at")
    op.drop_index("ix_machine_key_page_page_id", table_name="machine_key_page")
    op.drop_table("machine_key_page")
    op.drop_index("ix_invitation_use_account_id", table_name="invitation_use")
    op.drop_table("invitation_use")
    op.drop_index("ix_mailed_token_account_id", table_name="mailed_token")
    op.drop_table("mailed_token")
    op.drop_table("machine_key")
    op.drop_index(
        "uq_invitation_open_email",
        table_name="invitation",
        postgresql_where=sa.text("email IS NOT NULL AND ended_at IS NULL"),
    )
    op.drop_index("ix_invitation_group_id", table_name="invitation")
    op.drop_table("invitation")
    op.drop_index("ix_group_member_account_id", table_name="group_member")
    op.drop_table("group_member")
    op.drop_index("ix_foreign_identity_account_id", table_name="foreign_identity")
    op.drop_table("foreign_identity")
    op.drop_index("ix_audit_entry_page_id_id", table_name="audit_entry")
    op.drop_index("ix_audit_entry_group_id_id", table_name="audit_entry")
    op.drop_index("ix_audit_entry_actor_id", table_name="audit_entry")
    op.drop_index("ix_audit_entry_account_id_id", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_table("signing_key")
    op.drop_table("people_group")
    op.drop_index("ix_mail_due_at", table_name="mail")
    op.drop_table("mail")
