"""JSON that is passed on as text, never decoded on its way."""

import msgspec


def one_line(text: bytes | msgspec.Raw) -> bytes:
    """The same JSON without blanks and line breaks, fit to stand in a line of its own.

    Raises ValueError for all else; a `msgspec.Raw` may be that, for its parser skipped it without a look at its UTF-8.
    """
    try:
        compact = msgspec.json.format(bytes(text), indent=-1)
        compact.decode()
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not JSON") from error
    return compact
