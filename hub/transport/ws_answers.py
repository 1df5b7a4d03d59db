"""HTTP answers that the server gives by itself, before or instead of the application. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus
from json import dumps
from secrets import token_hex

Headers = Sequence[tuple[bytes, bytes]]

_CODES: Mapping[int, str] = {
    400: "bad_request",
    403: "forbidden",
    405: "method_not_allowed",
    408: "timeout",
    414: "uri_too_long",
    426: "upgrade_required",
    429: "too_many_connections",
    431: "headers_too_large",
    500: "internal_error",
    503: "unavailable",
}
_ENVELOPE: Headers = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_is_name = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+").fullmatch
_is_value = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch


class Refused(Exception):
    """The request ends here; `status` and `headers` say so to the client."""

    def __init__(self, status: HTTPStatus, headers: Headers = ()) -> None:
        super().__init__(status.phrase)
        self.status = status
        self.headers = headers


def response(status: int, headers: Headers, body: bytes) -> bytes:
    """A whole HTTP/1.1 response after which the connection ends. Raises ValueError for headers that break the form."""
    lines = [*header_lines(headers)]
    present = {name.lower() for name, _ in headers}
    if b"date" not in present:
        lines.append(b"date: " + formatdate(usegmt=True).encode())
    if b"content-length" not in present and b"transfer-encoding" not in present:
        lines.append(b"content-length: %d" % len(body))
    if b"connection" not in present:
        lines.append(b"connection: close")
    return b"\r\n".join([_status_line(status), *lines, b"", body])


def refusal(status: HTTPStatus, headers: Headers = ()) -> bytes:
    """`status` in the envelope of the API, as the last thing on the connection."""
    error = {"code": _CODES[status], "message": status.description, "fields": None, "error_id": None}
    meta = {"request_id": token_hex(8), "next": None}
    body = dumps({"status": "error", "data": None, "error": error, "meta": meta}).encode()
    return response(status, (*_ENVELOPE, *headers), body)


def header_lines(headers: Headers) -> Iterator[bytes]:
    """Each header as a line without its end. Raises ValueError for what would break the form of a response."""
    for name, value in headers:
        if not _is_name(name) or not _is_value(value):
            raise ValueError(f"not a header: {name!r}")
        yield name + b": " + value


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode()
