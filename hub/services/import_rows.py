"""Records of an import plan → rows of one page, matched by `external_id`. Rows are made and changed, never deleted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.import_plan import (
    ImportPlan,
    PlannedComponent,
    PlannedGroup,
    PlannedIncident,
    PlannedMaintenance,
    PlannedUpdate,
    PlannedWord,
)
from hub.domain.incident import derived_impact
from hub.domain.status import Status
from hub.ids import new_id
from models import (
    Base,
    Component,
    ComponentGroup,
    Incident,
    IncidentUpdate,
    Maintenance,
    MaintenanceComponent,
    MaintenanceUpdate,
)

Row = TypeVar("Row", ComponentGroup, Component, Incident, Maintenance)
UpdateRow = TypeVar("UpdateRow", IncidentUpdate, MaintenanceUpdate)


@dataclass(slots=True)
class Tally:
    """How many records of one kind were new, different, or as they already were."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def changes(self) -> int:
        return self.created + self.updated


@dataclass
class RowWriter:
    """Writes one plan into one page within the caller's session and page lock. `tallies` by kind."""

    session: AsyncSession
    page_id: str
    now: datetime
    tallies: dict[str, Tally] = field(
        default_factory=lambda: {
            kind: Tally() for kind in ("groups", "components", "incidents", "maintenances", "updates")
        }
    )
    group_ids: dict[str, str] = field(default_factory=dict)  # external id → id
    component_ids: dict[str, str] = field(default_factory=dict)
    group_names: dict[str, str] = field(default_factory=dict)

    async def write(self, plan: ImportPlan) -> None:
        """Flushes after each kind, because the later ones refer to the earlier."""
        self.group_names = {group.external_id: group.name for group in plan.groups}
        await self._write_groups(plan.groups)
        await self._write_components(plan.components)
        await self._keep_names_of_lost_components(plan)
        await self._write_incidents(plan.incidents)
        await self._write_maintenances(plan.maintenances)

    async def _write_groups(self, groups: Sequence[PlannedGroup]) -> None:
        known = await self._known(ComponentGroup, ComponentGroup.page_id == self.page_id)
        self.group_ids.update({key: row.id for key, row in known.items()})
        for group, key in zip(groups, _ids(len(groups)), strict=True):
            values = {"name": group.name, "position": group.position, "description": group.description}
            row = known.get(group.external_id)
            if row is None:
                row = ComponentGroup(
                    id=key, page_id=self.page_id, external_id=group.external_id, **self._dates(group), **values
                )
                self._add("groups", row)
            else:
                self._change("groups", row, values | self._dates(group, row))
            self.group_ids[group.external_id] = row.id
        await self.session.flush()

    async def _write_components(self, components: Sequence[PlannedComponent]) -> None:
        known = await self._known(Component, Component.page_id == self.page_id)
        self.component_ids.update({key: row.id for key, row in known.items()})
        for component, key in zip(components, _ids(len(components)), strict=True):
            row = known.get(component.external_id)
            values: dict[str, Any] = {
                "name": component.name,
                "description": component.description,
                "position": component.position,
                "showcase": component.showcase,
                "only_show_if_degraded": component.only_show_if_degraded,
                "start_date": component.start_date,
                "base_status": component.base_status.value,
                "deleted_at": None,
            }
            group_id = self.group_ids.get(component.group) if component.group is not None else None
            if not component.is_embedded or group_id is not None:
                values["group_id"] = group_id
            if row is None:
                row = Component(
                    id=key, page_id=self.page_id, external_id=component.external_id, **self._dates(component), **values
                )
                self._add("components", row)
            else:
                self._change("components", row, values | self._dates(component, row))
            self.component_ids[component.external_id] = row.id
        await self.session.flush()

    async def _keep_names_of_lost_components(self, plan: ImportPlan) -> None:
        """Old updates name components that the source has deleted: each gets a row that is deleted from the start."""
        lost: dict[str, PlannedWord] = {}
        for update in plan.updates:
            lost.update({word.component: word for word in update.words if word.component not in self.component_ids})
        for (external_id, word), key in zip(lost.items(), _ids(len(lost)), strict=True):
            row = Component(
                id=key,
                page_id=self.page_id,
                external_id=external_id,
                name=word.name[:255],
                position=0,
                showcase=False,
                only_show_if_degraded=False,
                base_status=Status.OPERATIONAL.value,
                created_at=self.now,
                updated_at=self.now,
                deleted_at=self.now,
            )
            self.session.add(row)
            self.component_ids[external_id] = row.id
        await self.session.flush()

    async def _write_incidents(self, incidents: Sequence[PlannedIncident]) -> None:
        known = await self._known(Incident, Incident.page_id == self.page_id, incidents)
        updates: list[tuple[str, Sequence[PlannedUpdate]]] = []
        for incident, key in zip(incidents, _ids(len(incidents)), strict=True):
            derived = derived_impact(word.new_status for update in incident.updates for word in update.words)
            values: dict[str, Any] = {
                "name": incident.name,
                "status": incident.status.value,
                "impact_override": None if incident.impact in (None, derived) else incident.impact.value,
                "started_at": incident.started_at,
                "monitoring_at": incident.monitoring_at,
                "resolved_at": incident.resolved_at,
                "created_at": incident.created_at,
                "updated_at": incident.updated_at,
            }
            row = known.get(incident.external_id)
            if row is None:
                row = Incident(id=key, page_id=self.page_id, external_id=incident.external_id, **values)
                self._add("incidents", row)
            else:
                self._change("incidents", row, values)
            updates.append((row.id, incident.updates))
        await self.session.flush()
        await self._write_updates(IncidentUpdate, "incident_id", updates)

    async def _write_maintenances(self, maintenances: Sequence[PlannedMaintenance]) -> None:
        known = await self._known(Maintenance, Maintenance.page_id == self.page_id, maintenances)
        updates: list[tuple[str, Sequence[PlannedUpdate]]] = []
        for maintenance, key in zip(maintenances, _ids(len(maintenances)), strict=True):
            names = ("name", "body", "scheduled_for", "scheduled_until", "started_at", "completed_at")
            values = {name: getattr(maintenance, name) for name in (*names, "created_at", "updated_at")}
            values |= {"status": maintenance.status.value, "announced_at": maintenance.announced_at}
            for name in ("auto_start", "auto_complete"):
                if getattr(maintenance, name) is not None:
                    values[name] = getattr(maintenance, name)
            row = known.get(maintenance.external_id)
            if row is None:
                # The public document does not say whether a window opens and closes by itself. One whose time has
                # passed stays as the document shows it; one still to come behaves as the format's default.
                values.setdefault("auto_start", maintenance.scheduled_for > self.now)
                values.setdefault("auto_complete", maintenance.scheduled_until > self.now)
                row = Maintenance(id=key, page_id=self.page_id, external_id=maintenance.external_id, **values)
                self._add("maintenances", row)
            else:
                self._change("maintenances", row, values)
            updates.append((row.id, maintenance.updates))
        await self.session.flush()
        members = {
            row_id: {self.component_ids[key] for key in maintenance.components if key in self.component_ids}
            for maintenance, (row_id, _) in zip(maintenances, updates, strict=True)
        }
        await self._write_members(members)
        await self._write_updates(MaintenanceUpdate, "maintenance_id", updates)

    async def _write_members(self, members: Mapping[str, set[str]]) -> None:
        """Make the components of each maintenance those of the plan."""
        table = MaintenanceComponent
        rows = await self.session.execute(
            select(table.maintenance_id, table.component_id).where(table.maintenance_id.in_(members))
        )
        stored = {(maintenance_id, component_id) for maintenance_id, component_id in rows.all()}
        wanted = {(key, component_id) for key, ids in members.items() for component_id in ids}
        for maintenance_id, component_id in sorted(stored - wanted):
            await self.session.execute(
                delete(table).where(table.maintenance_id == maintenance_id, table.component_id == component_id)
            )
        if missing := sorted(wanted - stored):
            await self.session.execute(
                insert(table), [{"maintenance_id": key, "component_id": component} for key, component in missing]
            )

    async def _write_updates(
        self,
        table: type[UpdateRow],
        parent: str,
        records: Sequence[tuple[str, Sequence[PlannedUpdate]]],
    ) -> None:
        column = getattr(table, parent)
        rows = await self.session.scalars(
            select(table).where(column.in_([key for key, _ in records]), table.external_id.is_not(None))
        )
        known = {(getattr(row, parent), row.external_id): row for row in rows}
        # Ids ascend as the updates do: where two were shown at the same instant, the id keeps their order.
        ids = iter(_ids(sum(len(updates) for _, updates in records)))
        for parent_id, updates in records:
            for update in updates:
                values: dict[str, Any] = {
                    "status": update.status,
                    "body": update.body,
                    "affected": [self._affected(word) for word in update.words]
                    if update.words or not update.is_silent
                    else None,
                    "display_at": update.display_at,
                    "created_at": update.created_at,
                    "updated_at": update.updated_at,
                }
                if update.deliver_notifications is not None:
                    values["deliver_notifications"] = update.deliver_notifications
                key = next(ids)
                row = known.get((parent_id, update.external_id))
                if row is None:
                    row = table(id=key, external_id=update.external_id, **{parent: parent_id}, **values)
                    self._add("updates", row)
                else:
                    self._change("updates", row, values)
        await self.session.flush()

    def _affected(self, word: PlannedWord) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": self.component_ids[word.component],
            "name": word.name,
            "old_status": word.old_status.value,
            "new_status": word.new_status.value,
        }
        if word.held is not None:
            said["held"] = word.held.value
        if word.group is None:
            said["group"] = None
        elif word.group in self.group_names:
            said["group"] = {"id": self.group_ids[word.group], "name": self.group_names[word.group]}
        return said

    async def _known(self, table: type[Row], where: Any, records: Collection[Any] | None = None) -> dict[str, Row]:
        """Rows with an external id, by it; only those of `records` when given."""
        statement = select(table).where(where, table.external_id.is_not(None))
        if records is not None:
            statement = statement.where(table.external_id.in_([record.external_id for record in records]))
        return {row.external_id or "": row for row in await self.session.scalars(statement)}

    def _dates(self, record: Any, row: Any = None) -> dict[str, datetime]:
        """`created_at` and `updated_at` as the source has them; what it does not say stays, or is now."""
        created_at = record.created_at or (row.created_at if row is not None else self.now)
        updated_at = record.updated_at or (row.updated_at if row is not None else created_at)
        return {"created_at": created_at, "updated_at": updated_at}

    def _add(self, kind: str, row: Base) -> None:
        self.session.add(row)
        self.tallies[kind].created += 1

    def _change(self, kind: str, row: Any, values: Mapping[str, object]) -> None:
        """Set what differs, count it, and raise the row's version if it has one."""
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        if not changed:
            self.tallies[kind].unchanged += 1
            return
        for name, value in changed.items():
            setattr(row, name, value)
        if hasattr(row, "version"):
            row.version += 1
        self.tallies[kind].updated += 1


def _ids(count: int) -> list[str]:
    """`count` fresh ids in ascending order."""
    fresh: set[str] = set()
    while len(fresh) < count:
        fresh.add(new_id())
    return sorted(fresh)
