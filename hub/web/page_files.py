"""A page's logo and style sheet, to whoever may see the page, under addresses that change with them.

A logo comes from operators, and an SVG is a document: opened by itself it may run nothing, load nothing, and be nobody.
"""

from starlette.requests import Request
from starlette.responses import Response

from hub.services import page_files
from hub.services.page_files import ServedFile
from hub.web.views import principal_of

# A drawing may say in its own attributes how it is painted; that is all.
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
# For browsers alone: a shared cache would still have it when the page is nobody's any more.
_KEPT = "private, max-age=31536000, immutable"


async def logo(request: Request) -> Response:
    """`/p/{slug}/logo-{name}`"""
    principal = await principal_of(request)
    async with request.state.db() as session:
        name = f"logo-{request.path_params['name']}"
        found = await page_files.read_logo(session, request.path_params["slug"], name, by=principal)
    return _respond(found)


async def style(request: Request) -> Response:
    """`/p/{slug}/style-{digest}.css`"""
    principal = await principal_of(request)
    async with request.state.db() as session:
        digest = request.path_params["digest"]
        found = await page_files.read_style(session, request.path_params["slug"], digest, by=principal)
    return _respond(found)


def _respond(file: ServedFile) -> Response:
    headers = {
        "Cache-Control": _KEPT,
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin" if file.is_public else "same-origin",
        "Vary": "Cookie, Authorization",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(file.body, media_type=file.media_type, headers=headers)
