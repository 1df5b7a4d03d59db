"""Keys of machines."""

from typing import Annotated, Literal, Self

from pydantic import Field
from starlette.requests import Request

from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.fields import In, InstantText, Name, Out, Slug
from hub.domain.text import iso
from hub.errors import Conflict, Forbidden, NotFound
from hub.services import machine_keys
from hub.services.machine_keys import MAX_LIFE_S, MIN_LIFE_S, MachineKey, NewKey

Scope = Literal["read", "status:write", "incidents:write", "admin"]


class KeyIn(In):
    """`pages`: slugs of pages that the caller owns. Without `expires_in_s` the key lasts until it is revoked."""

    name: Name
    pages: Annotated[list[Slug], Field(min_length=1, max_length=50)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=8)]
    expires_in_s: Annotated[int, Field(ge=MIN_LIFE_S, le=MAX_LIFE_S)] | None = None


class KeyOut(Out):
    """`pages`: those that the caller owns. `last_used_at` is a minute old at most."""

    id: str
    name: str
    pages: list[str]
    scopes: list[Scope]
    created_at: InstantText
    expires_at: InstantText | None
    last_used_at: InstantText | None

    @classmethod
    def of(cls, key: MachineKey) -> Self:
        return cls(**_fields(key))


class NewKeyOut(KeyOut):
    """`key`: the credential itself, for `Authorization: Bearer`. It is shown this once."""

    key: str

    @classmethod
    def of_new(cls, key: MachineKey, text: str) -> Self:
        return cls(**_fields(key), key=text)


@endpoint(returns={200: list[KeyOut]})
async def list_keys(request: Request) -> Reply[list[KeyOut]]:
    """The keys of the pages that the caller owns, newest first; without those that were revoked."""
    async with request.state.db() as session:
        found = await machine_keys.list_keys(session, by=request.user)
    return Reply([KeyOut.of(key) for key in found])


@endpoint(body=KeyIn, returns={201: NewKeyOut}, errors=(Forbidden, NotFound, Conflict))
async def create_key(request: Request, body: KeyIn) -> Reply[NewKeyOut]:
    """Make a key for a program. The caller must own every page that it is for."""
    new = NewKey(body.name, body.pages, body.scopes, body.expires_in_s)
    async with request.state.db.begin() as session:
        key, text = await machine_keys.create(session, new, by=request.user, now=request.state.clock.now())
    return Reply(NewKeyOut.of_new(key, text), status=201)


@endpoint(returns={200: None}, errors=(Forbidden, NotFound))
async def revoke_key(request: Request) -> Reply[None]:
    """Revoke a key: requests with it are refused from now on, and its sockets close. For owners of one of its pages."""
    async with request.state.db.begin() as session:
        await machine_keys.revoke(
            session, request.path_params["key_id"], by=request.user, now=request.state.clock.now()
        )
    return Reply()


def _fields(key: MachineKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "pages": list(key.pages),
        "scopes": list(key.scopes),
        "created_at": iso(key.created_at),
        "expires_at": key.expires_at and iso(key.expires_at),
        "last_used_at": key.last_used_at and iso(key.last_used_at),
    }
