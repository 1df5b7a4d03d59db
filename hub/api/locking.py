"""Optimistic locking: the version a change was made from, as `If-Match` or as `version` in the body."""

import re
from typing import Any

from starlette.requests import Request

from hub.api.envelope import Reply
from hub.errors import BadRequest

_TAG = re.compile(r'(?:W/)?"([1-9][0-9]{0,9})"')


def expected_version(request: Request, from_body: int | None) -> int | None:
    """The version the caller has read, None when he does not care. BadRequest when the two places disagree."""
    header = request.headers.get("if-match", "*").strip()
    if header == "*":
        return from_body
    match = _TAG.fullmatch(header)
    if match is None:
        raise BadRequest("If-Match must hold one ETag as this address gave it.")
    version = int(match[1])
    if from_body not in {None, version}:
        raise BadRequest("If-Match and the version in the body disagree.")
    return version


def tagged(item: dict[str, Any], *, status: int = 200) -> Reply[dict[str, Any]]:
    """An answer with one object; its version, which only operators are told, is its ETag."""
    version = item.get("version")
    return Reply(item, status=status, headers={} if version is None else {"ETag": f'"{version}"'})
