"""Files of `client_demo/`, read and compressed once at start, with ETags, cacheable for ever under a version."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from hub.negotiation import accepts_gzip, etag_of, knows

ROOT = Path(__file__).resolve().parents[2] / "client_demo"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
# Comments that fill whole lines: a fifth of what a visitor would load, and nothing to him.
_COMMENTS = re.compile(rb"^[ \t]*(?:/\*.*?\*/|//[^\n]*)[ \t]*$", re.DOTALL | re.MULTILINE)
_INDENTS = re.compile(rb"^[ \t]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    packed: bytes
    media_type: str
    etag: str


class Assets:
    """All files by name, and `version`, a digest of them all: `/static/<version>/page.js` never changes.

    Modules import each other by relative paths, so one versioned address pulls in the same version of the others.
    """

    def __init__(self, root: Path = ROOT) -> None:
        self._by_name: dict[str, Asset] = {}
        digest = hashlib.sha256()
        for path in sorted(root.iterdir()):
            media_type = MEDIA_TYPES.get(path.suffix)
            if media_type is None:
                continue
            body = path.read_bytes()
            if path.suffix in {".js", ".css"}:
                body = lean(body)
            digest.update(path.name.encode() + body)
            etag = etag_of(body)
            self._by_name[path.name] = Asset(body, gzip.compress(body, mtime=0), media_type, etag)
        self.version = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        return f"/static/{self.version}/{name}"

    @property
    def names(self) -> list[str]:
        return sorted(self._by_name)

    def text(self, name: str) -> str:
        return self._by_name[name].body.decode()

    def respond(self, request: Request, name: str, version: str | None) -> Response | None:
        """The file, 304, or None when there is no such file."""
        asset = self._by_name.get(name)
        if asset is None:
            return None
        # An old version's address serves the present file, but must not be kept.
        forever = version == self.version
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if forever else "no-cache",
            "ETag": asset.etag,
            # The program is no secret, and `embed.js` is there for the pages of others.
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if knows(request.headers, asset.etag):
            return Response(status_code=304, headers=headers)
        if accepts_gzip(request.headers):
            return Response(asset.packed, media_type=asset.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(asset.body, media_type=asset.media_type, headers=headers)


def lean(source: bytes) -> bytes:
    """JavaScript or CSS without its comments that fill whole lines, and without indents; lines keep their numbers.

    Indents inside a template literal go too: none of ours means anything by them.
    """
    return _INDENTS.sub(b"", _COMMENTS.sub(lambda comment: b"\n" * comment[0].count(b"\n"), source))
