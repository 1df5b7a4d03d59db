"""The application's routes, and the addresses that they make of what exists."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from hub.access import Access, access_of
from hub.api.endpoint import Operation, operation_of
from hub.api.resource import Methods

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True, slots=True)
class Way:
    """One method of one route."""

    method: str
    path: str
    access: Access
    operation: Operation | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[str]:
        """What the path asks for, each with what stands before it: `pages/slug`, `components/component_id`."""
        return [f"{self._before(match.start())}/{match[1]}" for match in _PARAMETER.finditer(self.path)]

    def _before(self, at: int) -> str:
        return self.path[:at].rstrip("/").rpartition("/")[2]

    def at(self, *values: str) -> str:
        """The address with `values` in place of the parameters."""
        rest = iter(values)
        return _PARAMETER.sub(lambda _: next(rest), self.path)


def routes_of(app: Starlette) -> Iterator[BaseRoute]:
    """Every route, those of mounts and hosts too."""
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop(0)
        inner = getattr(route, "routes", None)
        if inner and not isinstance(route, Route | WebSocketRoute):
            assert not isinstance(route, Mount) or not route.path, "paths of a mount would have to be put together"
            waiting[:0] = inner
        else:
            yield route


def plain_address(way: Way, slug: str = "nobodys-page", item: str = "zzzzzzzzzzzz") -> str:
    """An address of `way` with names that could be, and are not."""
    return way.at(*(slug if name.endswith("/slug") else item for name in way.parameters))


def ways_of(app: Starlette, *methods: str) -> list[Way]:
    """Every method of every HTTP route, or those of `methods`. Raises LookupError for a route that is not declared."""
    found = []
    for route in routes_of(app):
        if not isinstance(route, Route):
            continue
        views = route.endpoint.views if isinstance(route.endpoint, Methods) else {}
        for method, access in access_of(route).items():
            if methods and method not in methods:
                continue
            found.append(Way(method, route.path, access, operation_of(views.get(method))))
    return found


@dataclass
class Ids:
    """What exists: page slug → kind of parameter → ids. `elsewhere`: kinds that belong to no page."""

    of_page: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    elsewhere: dict[str, list[str]] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)  # id of an update → id of what it is about

    def note(self, page: str, kind: str, item: str, parent: str = "") -> None:
        self.of_page.setdefault(page, {}).setdefault(kind, []).append(item)
        if parent:
            self.parents[item] = parent

    @property
    def pages(self) -> list[str]:
        return list(self.of_page)

    def all_of(self, kind: str) -> list[str]:
        return [item for kinds in self.of_page.values() for item in kinds.get(kind, [])]


PAGE_PARAMETERS = ("pages/slug", "p/slug")
KINDS = {
    "components/component_id": "component",
    "groups/group_id": "group",
    "incidents/incident_id": "incident",
    "incidents/id": "incident",
    "maintenances/maintenance_id": "maintenance",
    "maintenances/id": "maintenance",
    "updates/update_id": "update",
    "notes/note_id": "note",
    "templates/template_id": "template",
    "components/id": "component",
}


def addresses(way: Way, ids: Ids, *, stranger: str = "") -> list[str]:
    """Every address of `way` with what exists: each page with its own things, and with `stranger` as one more id.

    Of what is about something else (an update) one with its own, one with another's. A parameter that nobody has
    heard of gets ids of every kind, so a new route is asked for at once.
    """
    parameters = way.parameters
    if not parameters:
        return [way.path]
    if parameters[0] not in PAGE_PARAMETERS:
        choices = [ids.elsewhere.get(name) or _anything(ids) for name in parameters]
        return [way.at(*values) for values in itertools.islice(itertools.product(*choices), 12)]
    found = []
    for slug, kinds in ids.of_page.items():
        choices = [[*_of_kind(name, kinds, ids), *([stranger] if stranger else [])] for name in parameters[1:]]
        values = itertools.product(*choices) if len(choices) < 2 else _pairs(choices, ids)
        found += [way.at(slug, *some) for some in values]
    return found


def _pairs(choices: Sequence[Sequence[str]], ids: Ids) -> Iterator[tuple[str, ...]]:
    if not all(choices):
        return
    about: dict[str, str] = {}
    for child in choices[-1]:
        about.setdefault(ids.parents.get(child, ""), child)
    for *before, parent in itertools.product(*choices[:-1]):
        yield (*before, parent, about.get(parent, choices[-1][-1]))
    yield (*(some[0] for some in choices[:-1]), choices[-1][-1])


def _of_kind(name: str, kinds: Mapping[str, list[str]], ids: Ids) -> list[str]:
    if name in KINDS:
        return kinds.get(KINDS[name], [])
    return ids.elsewhere.get(name) or [item for items in kinds.values() for item in items]


def _anything(ids: Ids) -> list[str]:
    one_of_each = [items[0] for kinds in ids.of_page.values() for items in kinds.values()]
    return [*ids.pages, *one_of_each[:8]]
