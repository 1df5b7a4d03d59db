"""A page's logo and its own style sheet: put by its operators, read by whoever may see the page."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.audience import PUBLIC
from hub.domain.branding import digest_of, style_digest, style_sheet
from hub.domain.pictures import MAX_BYTES, looks_like_svg, media_type_of, svg_problem
from hub.domain.snapshot import Json
from hub.errors import Invalid, NotFound, TooLarge, UnsupportedMedia
from hub.services import pages
from hub.services.views import see_page
from hub.services.write import change_page
from models import Page as PageRow
from models import PageFile

LOGO = "logo"
TOO_LARGE = f"A logo is at most {MAX_BYTES // 1_000} kB."


@dataclass(frozen=True, slots=True)
class ServedFile:
    """`is_public`: anybody may see it."""

    body: bytes
    media_type: str
    is_public: bool


def picture_type(body: bytes) -> str:
    """The media type of a logo. Raises TooLarge, UnsupportedMedia, or Invalid with what is wrong with an SVG."""
    if len(body) > MAX_BYTES:
        raise TooLarge(TOO_LARGE)
    media_type = media_type_of(body)
    if media_type is not None:
        return media_type
    if looks_like_svg(body):
        raise Invalid(fields={"logo": f"{svg_problem(body)} (only a drawing that loads and runs nothing is taken)"})
    raise UnsupportedMedia("Send a PNG, JPEG, GIF or WebP picture, or an SVG drawing.")


async def put_logo(session: AsyncSession, slug: str, body: bytes, *, by: Principal, now: datetime) -> Json:
    """Show `body` at the head of the page; returns the page. The same picture again changes nothing."""
    async with change_page(session, slug, by=by, now=now, kind="page.updated") as change:
        change.subject = change.page_id
        media_type, digest = picture_type(body), digest_of(body)
        stored = await session.scalar(
            select(PageFile.digest).where(PageFile.page_id == change.page_id, PageFile.name == LOGO)
        )
        if stored != digest:
            values = {"media_type": media_type, "digest": digest, "body": body, "created_at": now}
            await session.execute(
                upsert(PageFile)
                .values(page_id=change.page_id, name=LOGO, **values)
                .on_conflict_do_update(index_elements=["page_id", "name"], set_=values)
            )
            await _touch(session, change.page_id, now)
    return await pages.get(session, slug, by=by)


async def remove_logo(session: AsyncSession, slug: str, *, by: Principal, now: datetime) -> Json:
    """Show the page's title instead; returns the page. NotFound when there is no logo."""
    async with change_page(session, slug, by=by, now=now, kind="page.updated") as change:
        change.subject = change.page_id
        gone = sql_delete(PageFile).where(PageFile.page_id == change.page_id, PageFile.name == LOGO)
        if await session.scalar(gone.returning(PageFile.name)) is None:
            raise NotFound("This page has no logo.")
        await _touch(session, change.page_id, now)
    return await pages.get(session, slug, by=by)


async def read_logo(session: AsyncSession, slug: str, name: str, *, by: Principal) -> ServedFile:
    """The picture whose file name is `name`, for whoever may see the page; NotFound for others, and for old names."""
    page = (await see_page(session, slug, by)).page
    if page.logo is None or page.logo != name:
        raise NotFound
    row = (
        await session.execute(
            select(PageFile.body, PageFile.media_type).where(PageFile.page_id == page.id, PageFile.name == LOGO)
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    return ServedFile(row.body, row.media_type, page.audience == PUBLIC)


async def read_style(session: AsyncSession, slug: str, digest: str, *, by: Principal) -> ServedFile:
    """The page's own style sheet, likewise."""
    page = (await see_page(session, slug, by)).page
    sheet = style_sheet(page.brand_color, page.custom_css)
    if sheet is None or style_digest(page.brand_color, page.custom_css) != digest:
        raise NotFound
    return ServedFile(sheet, "text/css", page.audience == PUBLIC)


async def _touch(session: AsyncSession, page_id: str, now: datetime) -> None:
    await session.execute(
        sql_update(PageRow).where(PageRow.id == page_id).values(updated_at=now, version=PageRow.version + 1)
    )
