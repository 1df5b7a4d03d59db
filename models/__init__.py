"""The tables. Know nothing of the rest of the hub; touched by `hub.services` alone.

Importing this package loads every table into `models.base.metadata`, which Alembic compares with the database.
"""

from models.account import Account, PageRole, RefreshToken, Session
from models.base import Base, metadata
from models.channel import Channel, Event, HubMeta, Outbox, RelayLease, View
from models.incident import Incident, IncidentUpdate
from models.maintenance import Maintenance, MaintenanceComponent, MaintenanceUpdate
from models.page import Component, ComponentGroup, Page, StatusInterval
from models.report import Report

__all__ = [
    "Account",
    "Base",
    "Channel",
    "Component",
    "ComponentGroup",
    "Event",
    "HubMeta",
    "Incident",
    "IncidentUpdate",
    "Maintenance",
    "MaintenanceComponent",
    "MaintenanceUpdate",
    "Outbox",
    "Page",
    "PageRole",
    "RefreshToken",
    "RelayLease",
    "Report",
    "Session",
    "StatusInterval",
    "View",
    "metadata",
]
