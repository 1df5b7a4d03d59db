"""Add what the status domain needs: layers, days, notes, templates, keyframes, branding, viewer links.

Revision ID: 3886fb372355
Revises: 8baee90f21dd
Create Date: 2026-11-30 04:47:06.861138+00:00
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "3886fb372355"
down_revision: str | None = "8baee90f21dd"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


# What a component was at beyond its incidents and maintenances was its base; where they held it, it was operational.
_BASES = """
INSERT INTO base_interval (component_id, status, during)
SELECT past.component_id,
       CASE WHEN upper_inf(past.during) THEN component.base_status
            WHEN EXISTS (
                SELECT FROM incident
                JOIN incident_update ON incident_update.incident_id = incident.id
                WHERE incident.page_id = component.page_id
                AND tstzrange(incident.started_at, GREATEST(incident.started_at, incident.resolved_at)) && past.during
                AND incident_update.affected @> jsonb_build_array(jsonb_build_object('id', component.id))
            ) OR EXISTS (
                SELECT FROM maintenance
                JOIN maintenance_component ON maintenance_component.maintenance_id = maintenance.id
                WHERE maintenance_component.component_id = component.id AND maintenance.started_at IS NOT NULL
                AND tstzrange(maintenance.started_at, GREATEST(maintenance.started_at, maintenance.completed_at))
                    && past.during
            ) THEN 'operational'
            ELSE past.status END,
       past.during
FROM status_interval past
JOIN component ON component.id = past.component_id
"""

# Days of the page's zone. Where a midnight comes twice the day begins with the first, as it does in the program.
_DAYS = """
WITH ended AS (
    SELECT past.component_id, past.status, lower(past.during) AS since, upper(past.during) AS until,
           COALESCE(zone.name, 'UTC') AS zone
    FROM status_interval past
    JOIN component ON component.id = past.component_id
    JOIN page ON page.id = component.page_id
    LEFT JOIN pg_timezone_names zone ON zone.name = page.time_zone
    WHERE NOT upper_inf(past.during)
), parts AS (
    SELECT component_id, status, day, LEAST(until, ends) - GREATEST(since, starts) AS length
    FROM ended
    CROSS JOIN LATERAL (
        SELECT generate_series(
            date_trunc('day', since AT TIME ZONE zone) - interval '1 day',
            date_trunc('day', until AT TIME ZONE zone) + interval '1 day',
            interval '1 day'
        ) AS midnight
    ) AS days
    CROSS JOIN LATERAL (
        SELECT midnight::date AS day,
               LEAST(midnight AT TIME ZONE zone, (midnight - interval '1 hour') AT TIME ZONE zone + interval '1 hour')
                   AS starts,
               LEAST(
                   (midnight + interval '1 day') AT TIME ZONE zone,
                   (midnight + interval '23 hours') AT TIME ZONE zone + interval '1 hour'
               ) AS ends
    ) AS bounds
    WHERE LEAST(until, ends) > GREATEST(since, starts)
)
INSERT INTO component_day (
    component_id, day, operational_us, under_maintenance_us, degraded_performance_us, partial_outage_us, major_outage_us
)
SELECT component_id, day,
       COALESCE(sum(us) FILTER (WHERE status = 'operational'), 0),
       COALESCE(sum(us) FILTER (WHERE status = 'under_maintenance'), 0),
       COALESCE(sum(us) FILTER (WHERE status = 'degraded_performance'), 0),
       COALESCE(sum(us) FILTER (WHERE status = 'partial_outage'), 0),
       COALESCE(sum(us) FILTER (WHERE status = 'major_outage'), 0)
FROM (SELECT *, (EXTRACT(EPOCH FROM length) * 1000000)::bigint AS us FROM parts) AS counted
GROUP BY component_id, day
"""


def upgrade() -> None:
    op.create_table(
        "keyframe",
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("off", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_keyframe_channel_id_channel"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("channel_id", "off", name=op.f("pk_keyframe")),
    )
    op.create_index("ix_keyframe_channel_id_created_at", "keyframe", ["channel_id", "created_at"], unique=False)
    op.create_table(
        "page_file",
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_page_file_page_id_page"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("page_id", "name", name=op.f("pk_page_file")),
    )
    op.create_table(
        "template",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("components", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_template_page_id_page"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("page_id", "kind", "name", name=op.f("uq_template_page_id_kind_name")),
    )
    op.create_table(
        "viewer_link",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("account_id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_viewer_link_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_viewer_link_page_id_page"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_viewer_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_viewer_link_token_hash")),
    )
    op.create_index("ix_viewer_link_account_id", "viewer_link", ["account_id"], unique=False)
    op.create_table(
        "incident_note",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("page_id", sa.String(length=12), nullable=False),
        sa.Column("incident_id", sa.String(length=12), nullable=True),
        sa.Column("maintenance_id", sa.String(length=12), nullable=True),
        sa.Column("author_id", sa.String(length=12), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("num_nonnulls(incident_id, maintenance_id) = 1", name=op.f("ck_incident_note_one_subject")),
        sa.ForeignKeyConstraint(
            ["author_id"], ["account.id"], name=op.f("fk_incident_note_author_id_account"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_incident_note_incident_id_incident"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["maintenance_id"],
            ["maintenance.id"],
            name=op.f("fk_incident_note_maintenance_id_maintenance"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["page_id"], ["page.id"], name=op.f("fk_incident_note_page_id_page"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_note")),
    )
    op.create_index("ix_incident_note_incident_id", "incident_note", ["incident_id"], unique=False)
    op.create_index("ix_incident_note_maintenance_id", "incident_note", ["maintenance_id"], unique=False)
    op.create_table(
        "base_interval",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("component_id", sa.String(length=12), nullable=False),
        sa.Column("status", sa.String(length=80), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("component_id"), "="),
            (sa.column("during"), "&&"),
            using="gist",
            name="ex_base_interval_component_id_during",
        ),
        sa.CheckConstraint(
            "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)",
            name=op.f("ck_base_interval_during_half_open"),
        ),
        sa.ForeignKeyConstraint(
            ["component_id"], ["component.id"], name=op.f("fk_base_interval_component_id_component"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_base_interval")),
    )
    op.create_index(
        "uq_base_interval_open",
        "base_interval",
        ["component_id"],
        unique=True,
        postgresql_where=sa.text("upper_inf(during)"),
    )
    op.create_table(
        "component_day",
        sa.Column("component_id", sa.String(length=12), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("operational_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("under_maintenance_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("degraded_performance_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("partial_outage_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("major_outage_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["component_id"], ["component.id"], name=op.f("fk_component_day_component_id_component"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("component_id", "day", name=op.f("pk_component_day")),
    )
    op.create_table(
        "latency_sample",
        sa.Column("component_id", sa.String(length=12), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["component_id"],
            ["component.id"],
            name=op.f("fk_latency_sample_component_id_component"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("component_id", "at", name=op.f("pk_latency_sample")),
    )
    op.add_column("component_group", sa.Column("description", sa.Text(), nullable=True))
    op.add_column("incident", sa.Column("is_backdated", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("incident", sa.Column("postmortem_draft", sa.Text(), nullable=True))
    op.add_column(
        "incident_update",
        sa.Column("deliver_notifications", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("maintenance", sa.Column("series_id", sa.String(length=12), nullable=True))
    op.add_column("maintenance", sa.Column("sequence", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "maintenance", sa.Column("remind_before_min", sa.Integer(), server_default=sa.text("60"), nullable=True)
    )
    op.add_column("maintenance", sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("maintenance", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("maintenance", sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("maintenance", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "maintenance_update",
        sa.Column("deliver_notifications", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column("page", sa.Column("custom_domain", sa.String(length=253), nullable=True))
    op.add_column("page", sa.Column("brand_color", sa.String(length=7), nullable=True))
    op.add_column("page", sa.Column("custom_css", sa.Text(), nullable=True))
    op.create_unique_constraint(op.f("uq_page_custom_domain"), "page", ["custom_domain"])
    op.execute(_BASES)
    op.execute(_DAYS)


def downgrade() -> None:
    op.drop_constraint(op.f("uq_page_custom_domain"), "page", type_="unique")
    op.drop_column("page", "custom_css")
    op.drop_column("page", "brand_color")
    op.drop_column("page", "custom_domain")
    op.drop_column("maintenance_update", "deliver_notifications")
    op.drop_column("maintenance", "deleted_at")
    op.drop_column("maintenance", "announced_at")
    op.drop_column("maintenance", "cancelled_at")
    op.drop_column("maintenance", "reminded_at")
    op.drop_column("maintenance", "remind_before_min")
    op.drop_column("maintenance", "sequence")
    op.drop_column("maintenance", "series_id")
    op.drop_column("incident_update", "deliver_notifications")
    op.drop_column("incident", "postmortem_draft")
    op.drop_column("incident", "is_backdated")
    op.drop_column("component_group", "description")
    op.drop_table("latency_sample")
    op.drop_table("component_day")
    op.drop_index("uq_base_interval_open", table_name="base_interval", postgresql_where=sa.text("upper_inf(during)"))
    op.drop_table("base_interval")
    op.drop_index("ix_incident_note_maintenance_id", table_name="incident_note")
    op.drop_index("ix_incident_note_incident_id", table_name="incident_note")
    op.drop_table("incident_note")
    op.drop_index("ix_viewer_link_account_id", table_name="viewer_link")
    op.drop_table("viewer_link")
    op.drop_table("template")
    op.drop_table("page_file")
    op.drop_index("ix_keyframe_channel_id_created_at", table_name="keyframe")
    op.drop_table("keyframe")
