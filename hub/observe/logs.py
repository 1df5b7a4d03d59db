"""One log stream per process, on standard error, for our own lines and those of every library alike."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from hub.settings import Settings

# Chatty at "info" about what we log better ourselves, or not at all.
_QUIET = ("httpcore2", "httpx2", "asyncio", "sqlalchemy", "alembic", "redbeat", "celery.beat", "kombu")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# Of invitations, and of the links that feed readers use.
_SECRET_IN_PATH = re.compile(r"((?:^|/)(?:invite|feed)/).+", re.DOTALL)


def configure(settings: Settings, who: str) -> None:
    """Set this process's logging up; `who` names it in JSON lines (in text, `up` and Docker put it before the line)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.stdlib.ExtraAdder(),
    ]
    if settings.hub_log_format == "json":
        last: list[Processor] = [_named(who), structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        last = [structlog.processors.format_exc_info, render_text]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared[:-1],
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.hub_log_level.upper(), force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("uvicorn.access").addFilter(HideSecrets())
    if settings.hub_log_level != "debug":
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)


class HideSecrets(logging.Filter):
    """Takes secrets in paths out of uvicorn's line about a request; queries are cut off before that (T10)."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_SECRET_IN_PATH.sub(r"\1…", a) if isinstance(a, str) else a for a in record.args)
        return True


def render_text(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
    """`04:15:08.123 info   relay: published events=3`; further lines, as those of a traceback, are indented."""
    at, level, logger = str(line.pop("at")), str(line.pop("level")), str(line.pop("logger", ""))
    event, traceback = str(line.pop("event")), line.pop("exception", None)
    extra = "".join(f" {name}={value}" for name, value in line.items() if not name.startswith("color_"))
    text = f"{at[11:23]} {level:<7} {logger.removeprefix('hub.')}: {event}{extra}"
    return _as_one_entry(f"{text}\n{traceback}" if traceback else text)


def _as_one_entry(text: str) -> str:
    """No text of somebody else's can pretend to be another line, or tell a terminal what to do (X7)."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text).replace("\n", "\n    ")


def _named(who: str) -> Processor:
    def add(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line.pop("color_message", None)
        line["who"] = who
        return line

    return add
