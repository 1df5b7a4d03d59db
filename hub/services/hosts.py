"""Which pages have a host name of their own."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models import Page as PageRow


async def load_domains(session: AsyncSession) -> Mapping[str, str]:
    """Host name → slug, of all pages that have one."""
    rows = await session.execute(select(PageRow.custom_domain, PageRow.slug).where(PageRow.custom_domain.is_not(None)))
    return {str(domain).lower(): slug for domain, slug in rows.all()}
