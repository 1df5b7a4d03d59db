"""Records of a page's document → rows of one page, matched by their ids. Rows are made and changed, never deleted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ARRAY, BindParameter, String, any_, bindparam, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain import page_records
from hub.domain.document import Fault
from hub.domain.page import PageState
from hub.domain.page_document import PageDocument
from hub.domain.page_records import Reader, Record
from hub.domain.statuspage import DocumentInvalid
from hub.domain.uptime import Interval
from hub.services.import_rows import Tally
from models import (
    Component,
    ComponentGroup,
    Incident,
    IncidentNote,
    IncidentUpdate,
    Maintenance,
    MaintenanceComponent,
    MaintenanceUpdate,
    Template,
)

Item = TypeVar("Item")

_BATCH_ROWS = 10_000  # no statement may run long
_DELETE_BASE = "DELETE FROM base_interval WHERE component_id = ANY(CAST(:ids AS text[]))"
_INSERT_BASE = """
    INSERT INTO base_interval (component_id, status, during)
    SELECT id, status, tstzrange(since, until)
    FROM unnest(
        CAST(:ids AS text[]), CAST(:statuses AS text[]), CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[])
    ) AS told(id, status, since, until)
    """
# By kind what else than the id is one record's alone, the updates' and notes' within what they are about.
_UNIQUE: Mapping[str, tuple[str, ...]] = {
    "groups": ("external_id",),
    "components": ("external_id",),
    "incidents": ("external_id",),
    "maintenances": ("external_id",),
    "updates": ("external_id",),
    "notes": ("id",),
    "templates": ("name", "kind"),
}


@dataclass
class Restorer:
    """Writes one document into one page within the caller's session and page lock. `tallies` by kind.

    `stored`: the same page as it was before, `before` its state. Bounded statements, however much there is.
    """

    session: AsyncSession
    page_id: str
    before: PageState
    stored: PageDocument
    now: datetime
    tallies: dict[str, Tally] = field(default_factory=lambda: {kind: Tally() for kind in _UNIQUE})
    faults: list[Fault] = field(default_factory=list)

    @property
    def has_changed_history(self) -> bool:
        """Whether something came that uptime follows from."""
        told = ("components", "incidents", "maintenances", "updates")
        return any(self.tallies[kind].created or self.tallies[kind].updated for kind in told)

    async def write(self, document: PageDocument) -> None:
        """Raises DocumentInvalid for ids and names that something else has already."""
        here, there = self.stored, document
        mine = {"page_id": self.page_id}
        await self._merge("groups", ComponentGroup, page_records.GROUP, there.groups, here.groups, mine)
        changed = await self._write_base(there.components, here.components)
        await self._merge(
            "components", Component, page_records.COMPONENT, there.components, here.components, mine, touched=changed
        )
        await self._merge("incidents", Incident, page_records.INCIDENT, there.incidents, here.incidents, mine)
        await self._merge(
            "maintenances",
            Maintenance,
            page_records.MAINTENANCE,
            there.maintenances,
            here.maintenances,
            mine,
            touched={
                item["id"]
                for item, old in _pairs(there.maintenances, here.maintenances)
                if old is not None and item["components"] != old["components"]
            },
        )
        await self._insert_base(there.components, here.components)
        await self._write_members(there.maintenances, here.maintenances)
        for kind, table, parent in (
            ("incidents", IncidentUpdate, "incident_id"),
            ("maintenances", MaintenanceUpdate, "maintenance_id"),
        ):
            new, old = (_nested(getattr(source, kind), "updates", parent) for source in (there, here))
            await self._merge("updates", table, page_records.UPDATE, new, old, {}, parent=parent)
            new, old = (_nested(getattr(source, kind), "notes", parent) for source in (there, here))
            await self._merge("notes", IncidentNote, page_records.NOTE, new, old, mine, parent=parent)
        await self._merge("templates", Template, page_records.TEMPLATE, there.templates, here.templates, mine)

    async def _merge(
        self,
        kind: str,
        table: Any,
        fields: Mapping[str, Reader],
        records: Sequence[Record],
        stored: Sequence[Record],
        scope: Mapping[str, str],
        *,
        parent: str | None = None,
        touched: set[str] | frozenset[str] = frozenset(),
    ) -> None:
        """Insert what is new, change what differs. `touched`: ids whose change lies in other rows."""
        names = [*fields, *([parent] if parent else [])]
        old = {item["id"]: item for item in stored}
        new = [item for item in records if item["id"] not in old]
        changed = [
            item
            for item in records
            if item["id"] in old
            and (item["id"] in touched or any(item[name] != old[item["id"]][name] for name in names))
        ]
        await self._refuse_taken(kind, table, records, new, stored, parent)
        if new:
            rows = [{**{name: item[name] for name in names}, **scope} for item in new]
            await self.session.execute(insert(table), rows)
        if changed:
            versions = {"version": table.version + 1} if hasattr(table, "version") else {}
            key: BindParameter[Any] = bindparam("key")
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "id"}
            statement = update(table.__table__).where(table.__table__.c.id == key).values(**values, **versions)
            rows = [{"key": item["id"]} | {f"new_{name}": item[name] for name in names} for item in changed]
            await (await self.session.connection()).execute(statement, rows)
        tally = self.tallies[kind]
        tally.created += len(new)
        tally.updated += len(changed)
        tally.unchanged += len(records) - len(new) - len(changed)

    async def _refuse_taken(
        self,
        kind: str,
        table: Any,
        records: Sequence[Record],
        new: Sequence[Record],
        stored: Sequence[Record],
        parent: str | None,
    ) -> None:
        """An id that belongs to another page, or an external id or a template's name that another row here has."""
        faults = []
        if new:
            known = any_(bindparam("ids", [item["id"] for item in new], type_=ARRAY(String)))
            taken = set(await self.session.scalars(select(table.id).where(table.id == known)))
            faults += [
                Fault(f"{kind}[{index}].id", "is taken by something that is not this page's")
                for index, item in enumerate(records)
                if item["id"] in taken
            ]
        unique = _UNIQUE[kind] if parent is None else (*_UNIQUE[kind], parent)
        if unique:
            given = {item["id"] for item in records}
            others = {tuple(item[name] for name in unique) for item in stored if item["id"] not in given}
            faults += [
                Fault(f"{kind}[{index}].{unique[0]}", "is that of another here, with another id")
                for index, item in enumerate(records)
                if item[unique[0]] is not None and tuple(item[name] for name in unique) in others
            ]
        if faults:
            raise DocumentInvalid(faults)

    async def _write_base(self, records: Sequence[Record], stored: Sequence[Record]) -> set[str]:
        """Take out the histories that differ; the ids of their components."""
        different = {
            item["id"] for item, old in _pairs(records, stored) if old is not None and item["base"] != old["base"]
        }
        if different:
            await self.session.execute(text(_DELETE_BASE), {"ids": sorted(different)})
        return different

    async def _insert_base(self, records: Sequence[Record], stored: Sequence[Record]) -> None:
        """Put in the histories that are new or differ.

        Where the base status changes with this import, `follow` closes the open interval and opens the next one now:
        there the history ends now. Neighbours of one status are one interval to whoever reads them.
        """
        rows: list[tuple[str, Interval]] = []
        for item, old in _pairs(records, stored):
            if old is not None and item["base"] == old["base"]:
                continue
            stays_open = old is not None and old["deleted_at"] is None and old["base_status"] == item["base_status"]
            for interval in item["base"]:
                end = interval.end
                if end is None and not stays_open:
                    end = self.now
                if end is None or interval.start < end:
                    rows.append((item["id"], Interval(interval.status, interval.start, end)))
        for some in batched(rows, _BATCH_ROWS):
            await self.session.execute(
                text(_INSERT_BASE),
                {
                    "ids": [key for key, _ in some],
                    "statuses": [item.status.value for _, item in some],
                    "sinces": [item.start for _, item in some],
                    "untils": [item.end for _, item in some],
                },
            )

    async def _write_members(self, records: Sequence[Record], stored: Sequence[Record]) -> None:
        old = {item["id"]: item["components"] for item in stored}
        wanted = {(item["id"], key) for item in records for key in item["components"]}
        there = {(item["id"], key) for item in records for key in old.get(item["id"], ())}
        table = MaintenanceComponent
        for maintenance_id, component_id in sorted(there - wanted):
            await self.session.execute(
                delete(table).where(table.maintenance_id == maintenance_id, table.component_id == component_id)
            )
        if missing := sorted(wanted - there):
            rows = [{"maintenance_id": key, "component_id": component} for key, component in missing]
            await self.session.execute(insert(table), rows)


def batched(rows: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """`rows` in parts of at most `size`."""
    return (rows[at : at + size] for at in range(0, len(rows), size))


def _pairs(records: Sequence[Record], stored: Sequence[Record]) -> list[tuple[Record, Record | None]]:
    old = {item["id"]: item for item in stored}
    return [(item, old.get(item["id"])) for item in records]


def _nested(records: Sequence[Record], name: str, parent: str) -> list[Record]:
    """Updates or notes of all `records`, each with the id of what it is about."""
    return [item | {parent: record["id"]} for record in records for item in record[name]]
