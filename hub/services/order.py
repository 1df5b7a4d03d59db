"""The order of a page's groups and components, told all at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import bindparam
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.page import Component, Group
from hub.domain.snapshot import Json
from hub.errors import Invalid
from hub.services.snapshots import see_snapshot
from hub.services.write import PageChange, change_page
from models import Component as ComponentRow
from models import ComponentGroup

Item = TypeVar("Item", Group, Component)

OUTSIDE = ""  # stands for no group


@dataclass(frozen=True, slots=True)
class Order:
    """`groups`: ids in their order. `components`: by the id of their group, `OUTSIDE` for none, ids in their order.

    What is not named keeps its place among the others, after those that are.
    """

    groups: Sequence[str] = ()
    components: Mapping[str, Sequence[str]] | None = None


async def reorder(session: AsyncSession, slug: str, order: Order, *, by: Principal, now: datetime) -> Json:
    """Put groups and components in order, in one event; `{"groups", "components"}` as they are then.

    Only places change, and the group of a component that is named in another. No version grows: nothing that somebody
    else may be editing has changed.
    """
    async with change_page(session, slug, by=by, now=now, kind="page.reordered") as change:
        _check(change, order)
        await _place_groups(change, order.groups)
        await _place_components(change, order.components or {})
    snapshot = await see_snapshot(session, slug, by)
    return {"groups": snapshot["groups"], "components": snapshot["components"]}


def _check(change: PageChange, order: Order) -> None:
    groups = {group.id for group in change.before.groups}
    problems: dict[str, str] = {}
    if unknown := [key for key in order.groups if key not in groups]:
        problems["groups"] = f"not on this page: {', '.join(unknown)}"
    elif len(set(order.groups)) < len(order.groups):
        problems["groups"] = "names a group twice"
    seen: set[str] = set()
    for group_id, keys in (order.components or {}).items():
        field = f"components.{group_id}"
        if group_id != OUTSIDE and group_id not in groups:
            problems[field] = "is no group of this page"
        elif unknown := [key for key in keys if key not in change.before.statuses]:
            problems[field] = f"not on this page: {', '.join(unknown)}"
        elif len(seen | set(keys)) < len(seen) + len(keys):
            problems[field] = "names a component twice"
        seen.update(keys)
    if problems:
        raise Invalid(fields=problems)


async def _place_groups(change: PageChange, keys: Sequence[str]) -> None:
    if not keys:
        return
    rest = [group for group in _in_order(change.before.groups) if group.id not in set(keys)]
    old = {group.id: group.position for group in change.before.groups}
    places = {key: place for place, key in enumerate([*keys, *(group.id for group in rest)], 1)}
    rows = [{"key": key, "place": place} for key, place in places.items() if old[key] != place]
    if rows:
        table = ComponentGroup.__table__
        statement = sql_update(ComponentGroup).where(table.c.id == bindparam("key")).values(position=bindparam("place"))
        await (await change.session.connection()).execute(statement, rows)


async def _place_components(change: PageChange, wanted: Mapping[str, Sequence[str]]) -> None:
    named = {key for keys in wanted.values() for key in keys}
    there = {item.id: item for item in change.before.components if not item.is_deleted}
    rows = []
    for group_id, keys in wanted.items():
        rest = [
            item.id
            for item in _in_order(there.values())
            if (item.group_id or OUTSIDE) == group_id and item.id not in named
        ]
        for place, key in enumerate([*keys, *rest], 1):
            item = there[key]
            if (item.group_id or OUTSIDE, item.position) != (group_id, place):
                rows.append({"key": key, "place": place, "home": group_id or None})
    if rows:
        table = ComponentRow.__table__
        statement = (
            sql_update(ComponentRow)
            .where(table.c.id == bindparam("key"))
            .values(position=bindparam("place"), group_id=bindparam("home"))
        )
        await (await change.session.connection()).execute(statement, rows)


def _in_order(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.position, item.name, item.id))
