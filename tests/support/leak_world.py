"""Four pages of two tenants, and everybody who could look: what the leak and attack tests are about."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2

from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Status
from hub.settings import Settings
from tests.support.local_hub import LocalHub, running
from tests.support.people import Person, Registry
from tests.support.route_walk import Ids
from tests.support.secrets_of_pages import PageMaker, Secret, Secrets

OPS, DEV = "zq9001qz-ops", "zq9002qz-dev"
MEMBERS = {OPS: "member", DEV: "developer"}
OPEN, VERIFIED_ONLY, OPS_ONLY, OTHER = "harbour", "p-zq9003qz", "p-zq9004qz", "elsewhere"


@dataclass
class World:
    hub: LocalHub
    secrets: Secrets
    ids: Ids
    registry: Registry
    people: dict[str, Person]

    @property
    def pages(self) -> list[str]:
        return [OPEN, VERIFIED_ONLY, OPS_ONLY, OTHER]

    def client(self, person: Person) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.hub.base_url, headers=person.headers, timeout=30)


def unhurried(settings: Settings) -> Settings:
    """The same without limits on how often somebody asks, and with room for all the sockets of one address."""
    free = {name: 0 for name in Settings.model_fields if "_per_" in name and name.rpartition("_per_")[2] in _TIMES}
    return settings.model_copy(
        update={**free, "hub_preauth_sockets_per_address": 0, "hub_connections_per_user": 10_000}
    )


_TIMES = {"minute", "hour", "15_min"}


@contextlib.asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """The world on a running hub; the hub ends with the block."""
    async with running(unhurried(settings)) as hub:
        secrets, ids = Secrets(), Ids()
        registry = Registry(hub.state)
        for group, member in MEMBERS.items():
            name = secrets.add(Secret(secrets.mark(), f"name of {group}", people=frozenset({member, "admin"})))
            await registry.group(group, f"Group {name}")
        for slug, audience in ((OPEN, "public"), (VERIFIED_ONLY, "verified"), (OPS_ONLY, f"group:{OPS}")):
            maker = PageMaker(hub.state["db"], secrets, ids, slug, audience)
            registry.page_ids[slug] = await maker.page()
            if slug != OPEN:
                secrets.add(Secret(slug, f"slug of {slug}", slug, audience, frozenset({audience})))
            await (fill(maker) if slug == OPEN else sketch(maker))
        other = PageMaker(hub.state["db"], secrets, ids, OTHER)
        registry.page_ids[OTHER] = await other.page()
        await other.component("authenticated")
        await other.incident("authenticated", own="authenticated")
        group = await other.group(None)
        await other.component(None, group)
        await other.maintenance(None)
        people = {person.name: person for person in await _everybody(registry)}
        invited = secrets.add(Secret(secrets.mark(), "who is invited", people=frozenset({"admin"})))
        invitation = await registry.invitation(OPS, people["owner"], f"{invited}@example.test")
        ids.elsewhere = {
            "invitations/invitation_id": [invitation],
            "keys/key_id": [people["key_read"].key_id],
            "sessions/session_id": [people["owner"].session_id],
            "accounts/account_id": [people["owner"].account_id],
            "groups/slug": [OPS, DEV],
            "members/account_id": [people["member"].account_id, people["owner"].account_id],
            "people/account_id": [people["owner"].account_id, people["other_owner"].account_id],
        }
        _tell_names(secrets, people)
        yield World(hub, secrets, ids, registry, people)


@contextlib.asynccontextmanager
async def open_lobby(settings: Settings) -> AsyncIterator[World]:
    """A running hub without pages, for tests that make their own; `people` are those without roles."""
    async with running(unhurried(settings)) as hub:
        registry = Registry(hub.state)
        await registry.group(OPS, "Operations")
        everybody = [
            Person("anonymous"),
            await registry.person("fake", is_verified=False),
            await registry.person("verified"),
            await registry.person("member", groups=[OPS]),
            await registry.person("admin", is_admin=True),
        ]
        yield World(hub, Secrets(), Ids(), registry, {person.name: person for person in everybody})


async def fill(maker: PageMaker) -> None:
    """Everything that a page can have, for every audience."""
    await maker.page_views()
    ops = f"group:{OPS}"
    mixed = await maker.group(None, "verified")
    hidden = await maker.group(ops, f"group:{DEV}")
    by_audience = {
        None: await maker.component(None, mixed),
        "authenticated": await maker.component("authenticated", status=Status.DEGRADED_PERFORMANCE),
        "verified": await maker.component("verified", mixed),
        ops: await maker.component(ops, hidden, status=Status.MAJOR_OUTAGE),
        f"group:{DEV}": await maker.component(f"group:{DEV}", hidden),
    }
    for audience, component in by_audience.items():
        incident = await maker.incident(audience, component_ids=[component])
    await maker.incident(None, ops, component_ids=[by_audience[None], by_audience[ops]])
    for audience in (None, "verified", ops):
        await maker.incident(audience, own=audience)
    await maker.incident(ops, component_ids=[by_audience[ops]], last=IncidentStatus.RESOLVED)
    await maker.deleted_component(None)
    await maker.deleted_component(ops)
    for audience in (None, ops):
        await maker.maintenance(audience, component_ids=[by_audience[audience]])
    await maker.kept_by_operators(incident, await maker.maintenance("verified", own="verified"))
    await maker.maintenance(ops, component_ids=[by_audience[ops]], last=MaintenanceStatus.COMPLETED)
    await maker.figures()


async def sketch(maker: PageMaker) -> None:
    """One thing of each kind, for the page's audience and for a group."""
    await maker.page_views()
    ops = f"group:{OPS}"
    component, hidden = await maker.component(None, await maker.group(None)), await maker.component(ops)
    incident = await maker.incident(None, component_ids=[component], last=IncidentStatus.RESOLVED)
    await maker.incident(ops, component_ids=[hidden])
    await maker.incident(ops, own=ops)
    await maker.kept_by_operators(incident, await maker.maintenance(None, component_ids=[component]))
    await maker.maintenance(ops, component_ids=[hidden])
    await maker.figures()


async def _everybody(registry: Registry) -> list[Person]:
    return [
        Person("anonymous"),
        await registry.person("fake", is_verified=False),
        await registry.person("verified"),
        await registry.person("member", groups=[OPS]),
        await registry.person("developer", groups=[DEV]),
        await registry.person("ex_member"),
        await registry.person("viewer", is_verified=False, roles=dict.fromkeys((OPEN, VERIFIED_ONLY), "viewer")),
        await registry.person("editor", roles={OPEN: "editor"}),
        await registry.person("owner", roles=dict.fromkeys((OPEN, VERIFIED_ONLY, OPS_ONLY), "owner")),
        await registry.person("other_owner", roles={OTHER: "owner"}),
        await registry.person("admin", is_admin=True),
        await registry.machine("key_read", pages=[OPEN], scopes=["read"]),
        await registry.machine("key_write", pages=[OPEN], scopes=["status:write", "incidents:write"]),
    ]


def _tell_names(secrets: Secrets, people: dict[str, Person]) -> None:
    """Groups' slugs stand on pages as audiences: operators and members know them."""
    operators = frozenset(name for name, person in people.items() if person.operates and name != "other_owner")
    for slug, member in MEMBERS.items():
        secrets.add(Secret(slug, f"slug of {slug}", people=operators | {member}, is_shown=False))
