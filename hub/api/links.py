"""Links to one's own view of a page, for feed readers and calendars."""

from typing import Self

from starlette.requests import Request

from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.fields import In, InstantText, Name, Out
from hub.domain.text import iso
from hub.errors import Conflict
from hub.services import viewer_links
from hub.services.viewer_links import Link


class LinkIn(In):
    """`name`: what its maker knows it by, such as the reader it is for."""

    name: Name


class LinkOut(Out):
    """`last_used_at` is five minutes old at most."""

    id: str
    name: str
    created_at: InstantText
    last_used_at: InstantText | None

    @classmethod
    def of(cls, link: Link) -> Self:
        return cls(**_fields(link))


class NewLinkOut(LinkOut):
    """`address`: where the link begins; the others are what is read there. They are shown this once.

    Whoever knows one of them sees what you see. The badge of a component is at `<address>/components/<id>/badge.svg`.
    """

    address: str
    atom: str
    rss: str
    calendar: str
    badge: str

    @classmethod
    def of_new(cls, link: Link, address: str) -> Self:
        return cls(
            **_fields(link),
            address=address,
            atom=f"{address}/history.atom",
            rss=f"{address}/history.rss",
            calendar=f"{address}/maintenance.ics",
            badge=f"{address}/badge.svg",
        )


@endpoint(returns={200: list[LinkOut]})
async def list_links(request: Request) -> Reply[list[LinkOut]]:
    """The links that the caller has made to this page, newest first, without their secrets."""
    async with request.state.db() as session:
        found = await viewer_links.list_links(session, request.path_params["slug"], by=request.user)
    return Reply([LinkOut.of(link) for link in found])


@endpoint(body=LinkIn, returns={201: NewLinkOut}, errors=(Conflict,))
async def create_link(request: Request, body: LinkIn) -> Reply[NewLinkOut]:
    """Make an address of the caller's own view of the page, for programs that cannot sign in.

    It shows what the caller may see at the moment of reading, and nothing any more once it is revoked.
    """
    slug = request.path_params["slug"]
    async with request.state.db.begin() as session:
        link, secret = await viewer_links.create(
            session, slug, body.name, by=request.user, now=request.state.clock.now()
        )
    address = f"{request.state.settings.base_url.rstrip('/')}/p/{slug}/feed/{secret}"
    return Reply(NewLinkOut.of_new(link, address), status=201)


@endpoint(returns={200: None})
async def revoke_link(request: Request) -> Reply[None]:
    """End a link at once."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        await viewer_links.revoke(session, path["slug"], path["link_id"], by=request.user, now=now)
    return Reply()


def _fields(link: Link) -> dict[str, object]:
    return {
        "id": link.id,
        "name": link.name,
        "created_at": iso(link.created_at),
        "last_used_at": link.last_used_at and iso(link.last_used_at),
    }
