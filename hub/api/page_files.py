"""A page's logo, as bytes."""

from starlette.requests import Request

from hub.api.answers import Json, PageOut
from hub.api.body import read_body
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import tagged
from hub.domain.pictures import EXTENSIONS, MAX_BYTES
from hub.errors import Forbidden, NotFound, TooLarge, UnsupportedMedia
from hub.services import page_files


@endpoint(
    returns={200: PageOut},
    access=Access.SIGNED_IN,
    takes=tuple(EXTENSIONS),
    errors=(Forbidden, UnsupportedMedia),
)
async def put_logo(request: Request) -> Reply[Json]:
    """Show a picture at the head of the page: the body is its file, of at most 200 kB.

    PNG, JPEG, GIF or WebP, told from the bytes; or an SVG that paints and does nothing else.
    """
    try:
        body = await read_body(request, MAX_BYTES)
    except TooLarge as error:
        raise TooLarge(page_files.TOO_LARGE, headers=error.headers) from None
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        page = await page_files.put_logo(session, request.path_params["slug"], body, by=request.user, now=now)
    return tagged(page)


@endpoint(returns={200: PageOut}, access=Access.SIGNED_IN, errors=(Forbidden, NotFound))
async def remove_logo(request: Request) -> Reply[Json]:
    """Show the page's title instead of a logo."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        page = await page_files.remove_logo(session, request.path_params["slug"], by=request.user, now=now)
    return tagged(page)
