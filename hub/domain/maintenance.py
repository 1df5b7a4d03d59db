"""Maintenance windows: their states, and which transition is due at an instant."""

from datetime import datetime, timedelta
from enum import StrEnum


class MaintenanceStatus(StrEnum):
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"


ACTIVE_STATUSES = frozenset({MaintenanceStatus.IN_PROGRESS, MaintenanceStatus.VERIFYING})

_ORDER = {status: rank for rank, status in enumerate(MaintenanceStatus)}


def is_active(status: MaintenanceStatus) -> bool:
    """Does a maintenance in this state hold its components under maintenance?"""
    return status in ACTIVE_STATUSES


def may_follow(previous: MaintenanceStatus, following: MaintenanceStatus) -> bool:
    """States repeat or move forward (verifying may fall back to in progress); a completed one stays completed."""
    if previous is MaintenanceStatus.COMPLETED:
        return following is MaintenanceStatus.COMPLETED
    if (previous, following) == (MaintenanceStatus.VERIFYING, MaintenanceStatus.IN_PROGRESS):
        return True
    return _ORDER[following] >= _ORDER[previous]


def due_status(
    status: MaintenanceStatus,
    *,
    scheduled_for: datetime,
    scheduled_until: datetime,
    auto_start: bool,
    auto_complete: bool,
    now: datetime,
    started_at: datetime | None = None,
) -> MaintenanceStatus | None:
    """The state the schedule asks for at `now`, or None when nothing is due.

    A window missed altogether (nobody was there to start it) goes straight to completed: one transition, not two
    in the same minute. One that may not start by itself, or not complete by itself, waits for its operator; so does one
    that he has begun (`started_at`) when its window was over already.
    """
    if status is MaintenanceStatus.COMPLETED:
        return None
    has_begun = is_active(status) or (auto_start and now >= scheduled_for)
    if started_at is not None and started_at >= scheduled_until:
        return None
    if has_begun and auto_complete and now >= scheduled_until:
        return MaintenanceStatus.COMPLETED
    if status is MaintenanceStatus.SCHEDULED and auto_start and now >= scheduled_for:
        return MaintenanceStatus.IN_PROGRESS
    return None


def remind_at(scheduled_for: datetime, remind_before_min: int | None) -> datetime | None:
    """When to remind of a window, None for never."""
    return None if remind_before_min is None else scheduled_for - timedelta(minutes=remind_before_min)
