"""The tables. Know nothing of the rest of the hub; touched by `hub.services` alone.

Importing this package loads every table into `models.base.metadata`, which Alembic compares with the database.
"""

from models.account import Account, ForeignIdentity, MailedToken, PageRole, RefreshToken, Session
from models.audit import AuditEntry
from models.base import Base, metadata
from models.channel import Channel, Event, HubMeta, Outbox, RelayLease, View
from models.incident import Incident, IncidentUpdate
from models.key import MachineKey, MachineKeyPage, SigningKey
from models.mail import Mail
from models.maintenance import Maintenance, MaintenanceComponent, MaintenanceUpdate
from models.page import Component, ComponentGroup, Page, StatusInterval
from models.people import GroupMember, Invitation, InvitationUse, PeopleGroup
from models.report import Report

__all__ = [
    "Account",
    "AuditEntry",
    "Base",
    "Channel",
    "Component",
    "ComponentGroup",
    "Event",
    "ForeignIdentity",
    "GroupMember",
    "HubMeta",
    "Incident",
    "IncidentUpdate",
    "Invitation",
    "InvitationUse",
    "MachineKey",
    "MachineKeyPage",
    "Mail",
    "MailedToken",
    "Maintenance",
    "MaintenanceComponent",
    "MaintenanceUpdate",
    "Outbox",
    "Page",
    "PageRole",
    "PeopleGroup",
    "RefreshToken",
    "RelayLease",
    "Report",
    "Session",
    "SigningKey",
    "StatusInterval",
    "View",
    "metadata",
]
