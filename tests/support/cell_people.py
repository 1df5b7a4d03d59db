"""Members of a group in a cell, who see something that others do not, and can be taken out."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.services.database import create_engine, create_sessions
from hub.settings import Settings
from tests.support.cell import Cell
from tests.support.cell_viewers import Fold, Json, StreamViewer, WireViewer
from tests.support.hub import SECRET_KEY
from tests.support.people import Person, Registry

GROUP = "inner"


@dataclass
class Heard(Fold):
    """Keeps every word that it was told."""

    words: list[str] = field(default_factory=list)

    def snapshot(self, epoch: str, offset: int, state: Json) -> None:
        self.words.append(json.dumps(state))
        super().snapshot(epoch, offset, state)

    def publication(self, offset: int, event: Json) -> None:
        self.words.append(json.dumps(event))
        super().publication(offset, event)

    def knows(self, word: str) -> bool:
        return any(f'"{word}"' in text for text in self.words)


@dataclass
class Member:
    """Somebody of the group and the viewer that watches with his token."""

    person: Person
    viewer: WireViewer | StreamViewer
    heard: Heard

    def knows(self, word: str) -> bool:
        return self.heard.knows(word)

    @property
    def has_only_the_public_view(self) -> bool:
        return bool(self.heard.state) and "@" not in self.heard.state["channel"]

    @property
    def close_codes(self) -> list[int | None]:
        return [code for _, code in self.viewer.ended] if isinstance(self.viewer, WireViewer) else []


class Inner:
    """The group of a cell, and a component for it alone."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        settings = Settings.model_validate({"database_url": cell.postgres_url, "hub_secret_key": SECRET_KEY})
        self._engine: AsyncEngine = create_engine(settings.sqlalchemy_url, pool_size=2)
        self._people = Registry(
            {"clock": SystemClock(), "db": create_sessions(self._engine), "tokens": Tokens.of(settings)}
        )
        self._component = ""
        self._members: list[Member] = []

    async def __aenter__(self) -> Self:
        await self._people.group(GROUP, "Inner")
        path = f"/api/v1/pages/{self.cell.slug}/components"
        made = await self._ask("POST", path, 0, {"name": "Vault", "audience": f"group:{GROUP}"})
        self._component = made["id"]
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(member.viewer.close() for member in self._members))
        await self._engine.dispose()

    async def member(self, name: str, where: Callable[[], str], *, is_stream: bool = False) -> Member:
        person = await self._people.person(name, groups=[GROUP])
        viewer: WireViewer | StreamViewer
        if is_stream:
            viewer = StreamViewer(where, self.cell.slug, token=person.token)
        else:
            viewer = WireViewer(where, self.cell.channel, token=person.token)
        heard = viewer.fold = Heard()
        member = Member(person, viewer, heard)
        self._members.append(member)
        return member

    async def say(self, word: str, *, at: int) -> None:
        """Write something that only members may see."""
        path = f"/api/v1/pages/{self.cell.slug}/components/{self._component}"
        await self._ask("PATCH", path, at, {"description": word})

    async def remove(self, member: Member, *, at: int) -> None:
        await self._ask("DELETE", f"/api/v1/groups/{GROUP}/members/{member.person.account_id}", at)

    async def sign_out(self, member: Member, *, at: int) -> None:
        await self._ask("POST", "/api/v1/auth/logout", at, {}, headers=member.person.headers)

    async def _ask(
        self, method: str, path: str, at: int, body: Json | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        headers = headers or {"Authorization": f"Bearer {self.cell.token}"}
        async with httpx2.AsyncClient(base_url=self.cell.nodes[at].address, headers=headers, timeout=20) as client:
            answer = await client.request(method, path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["data"]
