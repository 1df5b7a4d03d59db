"""Request bodies: JSON only, bounded while it is read, strict where parsers are lax."""

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from hub.api.fault_words import in_words
from hub.errors import BadRequest, HubError, Invalid, TooLarge, UnsupportedMedia

Model = TypeVar("Model", bound=BaseModel)

READ_DEADLINE_S = 20.0
_DRAIN_FACTOR = 8  # a body up to so many limits long is read to its end, so that its sender can read the answer
_INLINE_BYTES = 16_384  # 1 MiB made to be slow takes 0.1 s to parse; in a thread it holds nobody up
_RISKY_ESCAPES = ("\\u", "\\b", "\\f")
_MAX_DIGITS = 19  # no number of ours needs more, and a long one costs quadratic time
_MAX_FIELDS_TOLD = 50
_MAX_PATH_LENGTH = 200


class BodyTimeout(HubError):
    code, http_status, may_retry = "body_timeout", 408, True
    default_message = "The body did not arrive in time."


async def read_model(request: Request, model: type[Model], *, may_be_empty: bool = False) -> Model:
    """The validated body. Raises BadRequest, UnsupportedMedia, TooLarge, BodyTimeout or Invalid; nothing else."""
    raw = await read_body(request, request.state.settings.hub_body_limit_bytes)
    if may_be_empty and not raw:
        return model()
    _check_media_type(request)
    if len(raw) <= _INLINE_BYTES:
        return _parse(raw, model)
    return await asyncio.to_thread(_parse, raw, model)


async def read_json(request: Request, limit_bytes: int) -> tuple[Any, str]:
    """The body as a value and as text, for documents that are read elsewhere. Raises as `read_model` does."""
    _check_media_type(request)
    raw = await read_body(request, limit_bytes)
    return await asyncio.to_thread(_value, raw)


def _value(raw: bytes) -> tuple[Any, str]:
    refuse_hidden_traps(raw)
    text = raw.decode()
    return json.loads(text), text


def _parse(raw: bytes, model: type[Model]) -> Model:
    refuse_hidden_traps(raw)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise Invalid(fields=fields_of(error)) from None


def refuse_hidden_traps(raw: bytes) -> None:
    """Refuse what a JSON parser lets pass and something later chokes on.

    BadRequest: bad UTF-8, bad JSON, doubled keys, NaN and infinities (spelled or by overflow), numbers of over 19
    digits, nesting deeper than the parser goes. Invalid, with the path: text with NUL, other control characters or lone
    surrogates.
    """
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_refuse_constant,
        )
        # Only an escape can put one of those characters into JSON that is otherwise valid.
        unfit = list(_paths_of_unfit_text(value)) if any(map(text.__contains__, _RISKY_ESCAPES)) else []
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(_say(error)) from None
    if unfit:
        raise Invalid(fields=_cut(dict.fromkeys(unfit, "must not hold control characters or lone surrogates")))


def fields_of(error: ValidationError) -> dict[str, str]:
    """Dotted path → what is wrong there. Values are never echoed: they may be secrets."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        said = in_words(item["type"], item.get("ctx", {})) or item["msg"]
        found.setdefault(".".join(map(str, item["loc"])) or "body", said)
    return _cut(found)


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """All of the body; never holds more than the limit in memory. Raises TooLarge, BodyTimeout or BadRequest."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_DEADLINE_S):
            async for part in request.stream():
                size += len(part)
                if size <= limit_bytes:
                    parts.append(part)
                elif size > limit_bytes * _DRAIN_FACTOR:
                    break
    except TimeoutError:
        raise BodyTimeout(headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise BadRequest("The connection ended before the body did.") from None
    if size > limit_bytes:
        raise TooLarge(headers={"Connection": "close"} if size > limit_bytes * _DRAIN_FACTOR else None)
    return b"".join(parts)


def _check_media_type(request: Request) -> None:
    media_type, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    is_utf8 = all(part.replace('"', "") in {"", "charset=utf-8"} for part in parameters)
    if media_type != "application/json" or not is_utf8 or "content-encoding" in request.headers:
        raise UnsupportedMedia


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > _MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _say(error: ValueError) -> str:
    match error:
        case UnicodeDecodeError():
            return "The body is not UTF-8."
        case json.JSONDecodeError():
            return f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        case _:
            return f"The body is not acceptable: {error}."


def _paths_of_unfit_text(value: Any, path: str = "") -> Iterator[str]:
    """Paths of texts and keys that cannot be stored or shown. The parser has bounded the depth already."""
    match value:
        case str() if not is_fit(value):
            yield path or "body"
        case dict():
            for key, item in value.items():
                below = f"{path}.{key}" if path else key
                if is_fit(key):
                    yield from _paths_of_unfit_text(item, below)
                else:
                    yield path or "body"
        case list():
            for index, item in enumerate(value):
                yield from _paths_of_unfit_text(item, f"{path}.{index}" if path else str(index))


def is_fit(text: str) -> bool:
    """No control characters but tab and line ends (XML feeds cannot carry others), no half of a surrogate pair."""
    return not any(("\x00" <= char < " " and char not in "\t\n\r") or "\ud800" <= char <= "\udfff" for char in text)


def _cut(fields: dict[str, str]) -> dict[str, str]:
    return {path[:_MAX_PATH_LENGTH]: text for path, text in list(fields.items())[:_MAX_FIELDS_TOLD]}
