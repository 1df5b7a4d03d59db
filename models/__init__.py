"""The tables. Know nothing of the rest of the hub; touched by `hub.services` alone.

Importing this package loads every table into `models.base.metadata`, which Alembic compares with the database.
"""

from models.account import Account, ForeignIdentity, MailedToken, PageRole, RefreshToken, Session
from models.audit import AuditEntry
from models.base import Base, metadata
from models.channel import Channel, Event, HubMeta, Keyframe, Outbox, RelayLease, View
from models.incident import Incident, IncidentNote, IncidentUpdate, Template
from models.key import MachineKey, MachineKeyPage, SigningKey, ViewerLink
from models.mail import Mail
from models.maintenance import Maintenance, MaintenanceComponent, MaintenanceUpdate
from models.page import (
    BaseInterval,
    Component,
    ComponentDay,
    ComponentGroup,
    LatencySample,
    Page,
    PageFile,
    StatusInterval,
)
from models.people import GroupMember, Invitation, InvitationUse, PeopleGroup
from models.report import Report

__all__ = [
    "Account",
    "AuditEntry",
    "Base",
    "BaseInterval",
    "Channel",
    "Component",
    "ComponentDay",
    "ComponentGroup",
    "Event",
    "ForeignIdentity",
    "GroupMember",
    "HubMeta",
    "Incident",
    "IncidentNote",
    "IncidentUpdate",
    "Invitation",
    "InvitationUse",
    "Keyframe",
    "LatencySample",
    "MachineKey",
    "MachineKeyPage",
    "Mail",
    "MailedToken",
    "Maintenance",
    "MaintenanceComponent",
    "MaintenanceUpdate",
    "Outbox",
    "Page",
    "PageFile",
    "PageRole",
    "PeopleGroup",
    "RefreshToken",
    "RelayLease",
    "Report",
    "Session",
    "SigningKey",
    "StatusInterval",
    "Template",
    "View",
    "ViewerLink",
    "metadata",
]
