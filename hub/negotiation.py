"""What a request says of the answer it can use: whether it may be packed, and which one it knows (RFC 9110)."""

import hashlib
import re
from collections.abc import Mapping

_NO_GZIP = re.compile(r"gzip\s*;\s*q=0(\.0*)?\s*(,|$)")


def etag_of(body: bytes) -> str:
    """The tag of an answer, weak: packed or not, it says the same, but its bytes are others (§8.8.3.3)."""
    return f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'


def knows(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the asker has the answer with this tag already (§13.1.2): any of a list, weak or not, or `*`."""
    tags = [_opaque(tag) for tag in headers.get("if-none-match", "").split(",")]
    return _opaque(etag) in tags or tags == ["*"]


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Whether an answer may be packed (§12.5.3): `gzip` is named, and not with a weight of nothing."""
    offered = headers.get("accept-encoding", "").lower()
    return "gzip" in offered and _NO_GZIP.search(offered) is None


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
