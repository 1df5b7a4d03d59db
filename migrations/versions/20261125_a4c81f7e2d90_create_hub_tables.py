"""Create the hub's tables.

Revision ID: a4c81f7e2d90
Revises:
Create Date: 2026-11-25 04:26:59.573807+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "a4c81f7e2d90"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Lets one GiST index hold a component's id beside a time range: no two statuses of a component overlap.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("token_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("email", name="uq_account_email"),
    )
    op.create_table(
        "channel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("epoch", sa.String(length=16), nullable=False),
        sa.Column("head", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channel"),
        sa.UniqueConstraint("name", name="uq_channel_name"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "hub_meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_hub_meta"),
    )
    op.create_table(
        "page",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.String(length=80), nullable=False),
        sa.Column("locale", sa.String(length=80), nullable=False),
        sa.Column("audience", sa.String(length=80), nullable=False),
        sa.Column("weight_major", sa.Double(), server_default=sa.text("1"), nullable=False),
        sa.Column("weight_partial", sa.Double(), server_default=sa.text("0.3"), nullable=False),
        sa.Column("weight_degraded", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_page"),
        sa.UniqueConstraint("slug", name="uq_page_slug"),
    )
    op.create_table(
        "relay_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_relay_lease"),
    )
    op.create_table(
        "component_group",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_component_group_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_component_group"),
        sa.UniqueConstraint("page_id", "external_id", name="uq_component_group_page_id_external_id"),
    )
    op.create_table(
        "event",
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("off", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("rights", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name="fk_event_channel_id_channel", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("channel_id", "off", name="pk_event"),
    )
    op.create_index("ix_event_created_at", "event", ["created_at"], unique=False)
    op.create_table(
        "incident",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("impact_override", sa.String(length=80), nullable=True),
        sa.Column("audience", sa.String(length=80), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("monitoring_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_incident_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_incident"),
        sa.UniqueConstraint("page_id", "external_id", name="uq_incident_page_id_external_id"),
    )
    op.create_index(
        "ix_incident_open", "incident", ["page_id"], unique=False, postgresql_where=sa.text("resolved_at IS NULL")
    )
    op.create_index(
        "ix_incident_page_id_started_at", "incident", ["page_id", "started_at", "created_at", "id"], unique=False
    )
    op.create_table(
        "maintenance",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("audience", sa.String(length=80), nullable=True),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scheduled_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("auto_start", sa.Boolean(), nullable=False),
        sa.Column("auto_complete", sa.Boolean(), nullable=False),
        sa.Column("rrule", sa.Text(), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scheduled_until > scheduled_for", name=op.f("ck_maintenance_window")),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_maintenance_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance"),
        sa.UniqueConstraint("page_id", "external_id", name="uq_maintenance_page_id_external_id"),
    )
    op.create_index(
        "ix_maintenance_open",
        "maintenance",
        ["page_id"],
        unique=False,
        postgresql_where=sa.text("completed_at IS NULL"),
    )
    op.create_index(
        "ix_maintenance_page_id_scheduled_for", "maintenance", ["page_id", "scheduled_for", "id"], unique=False
    )
    op.create_table(
        "outbox",
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("off", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name="fk_outbox_channel_id_channel", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("channel_id", "off", name="pk_outbox"),
    )
    op.create_table(
        "page_role",
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("role", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_page_role_account_id_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_page_role_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("page_id", "account_id", name="pk_page_role"),
    )
    op.create_index("ix_page_role_account_id", "page_role", ["account_id"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_report_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
        sa.UniqueConstraint("page_id", "kind", "period_start", name="uq_report_page_id_kind_period_start"),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_session_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
    )
    op.create_index("ix_session_account_id", "session", ["account_id"], unique=False)
    op.create_table(
        "view",
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("summary", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name="fk_view_channel_id_channel"),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_view_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("page_id", "key", name="pk_view"),
        sa.UniqueConstraint("channel_id", name="uq_view_channel_id"),
    )
    op.create_table(
        "component",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("group_id", sa.String(length=12), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("showcase", sa.Boolean(), nullable=False),
        sa.Column("only_show_if_degraded", sa.Boolean(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("audience", sa.String(length=80), nullable=True),
        sa.Column("base_status", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["component_group.id"],
            name="fk_component_group_id_component_group",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name="fk_component_page_id_page", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_component"),
        sa.UniqueConstraint("page_id", "external_id", name="uq_component_page_id_external_id"),
    )
    op.create_index("ix_component_group_id", "component", ["group_id"], unique=False)
    op.create_table(
        "incident_update",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("incident_id", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("affected", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("display_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name="fk_incident_update_incident_id_incident", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_incident_update"),
        sa.UniqueConstraint("incident_id", "external_id", name="uq_incident_update_incident_id_external_id"),
    )
    op.create_table(
        "maintenance_update",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("maintenance_id", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("affected", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("display_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["maintenance_id"],
            ["maintenance.id"],
            name="fk_maintenance_update_maintenance_id_maintenance",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance_update"),
        sa.UniqueConstraint("maintenance_id", "external_id", name="uq_maintenance_update_maintenance_id_external_id"),
    )
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_refresh_token_session_id_session", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name="pk_refresh_token"),
    )
    op.create_index("ix_refresh_token_session_id", "refresh_token", ["session_id"], unique=False)
    op.create_table(
        "maintenance_component",
        sa.Column("maintenance_id", sa.String(length=12), nullable=False),
        sa.Column("component_id", sa.String(length=12), nullable=False),
        sa.ForeignKeyConstraint(
            ["component_id"],
            ["component.id"],
            name="fk_maintenance_component_component_id_component",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["maintenance_id"],
            ["maintenance.id"],
            name="fk_maintenance_component_maintenance_id_maintenance",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("maintenance_id", "component_id", name="pk_maintenance_component"),
    )
    op.create_index("ix_maintenance_component_component_id", "maintenance_component", ["component_id"], unique=False)
    op.create_table(
        "status_interval",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("component_id", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("component_id"), "="),
            (sa.column("during"), "&&"),
            using="gist",
            name="ex_status_interval_component_id_during",
        ),
        sa.CheckConstraint(
            "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)",
            name=op.f("ck_status_interval_during_half_open"),
        ),
        sa.ForeignKeyConstraint(
            ["component_id"],
            ["component.id"],
            name="fk_status_interval_component_id_component",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_status_interval"),
    )
    op.create_index(
        "uq_status_interval_open",
        "status_interval",
        ["component_id"],
        unique=True,
        postgresql_where=sa.text("upper_inf(during)"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_status_interval_open", table_name="status_interval", postgresql_where=sa.text("upper_inf(during)")
    )
    op.drop_table("status_interval")
    op.drop_index("ix_maintenance_component_component_id", table_name="maintenance_component")
    op.drop_table("maintenance_component")
    op.drop_index("ix_refresh_token_session_id", table_name="refresh_token")
    op.drop_table("refresh_token")
    op.drop_table("maintenance_update")
    op.drop_table("incident_update")
    op.drop_index("ix_component_group_id", table_name="component")
    op.drop_table("component")
    op.drop_table("view")
    op.drop_index("ix_session_account_id", table_name="session")
    op.drop_table("session")
    op.drop_table("report")
    op.drop_index("ix_page_role_account_id", table_name="page_role")
    op.drop_table("page_role")
    op.drop_table("outbox")
    op.drop_index("ix_maintenance_page_id_scheduled_for", table_name="maintenance")
    op.drop_index("ix_maintenance_open", table_name="maintenance", postgresql_where=sa.text("completed_at IS NULL"))
    op.drop_table("maintenance")
    op.drop_index("ix_incident_page_id_started_at", table_name="incident")
    op.drop_index("ix_incident_open", table_name="incident", postgresql_where=sa.text("resolved_at IS NULL"))
    op.drop_table("incident")
    op.drop_index("ix_event_created_at", table_name="event")
    op.drop_table("event")
    op.drop_table("component_group")
    op.drop_table("relay_lease")
    op.drop_table("page")
    op.drop_table("hub_meta")
    op.drop_table("channel")
    op.drop_table("account")
