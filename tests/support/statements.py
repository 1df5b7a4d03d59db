"""How many queries of which kind PostgreSQL was really asked: counted in its own log."""

import re
from collections import Counter
from pathlib import Path

import asyncpg

from hub.embedded import Postgres

_ASKED = re.compile(r"^LOG:  (?:execute [^:]*|statement): (.*)$", re.MULTILINE)
_OF_THE_RELAY = re.compile(
    r"outbox|relay_lease|pg_notify|LISTEN|BEGIN|COMMIT|ROLLBACK|set_config|pg_catalog|;$", re.IGNORECASE
)


class Statements:
    """Of the role `hub` over connections that it opens after `watch`; the relay's own rounds are left out."""

    def __init__(self, postgres: Postgres, log: Path) -> None:
        self._postgres = postgres
        self._log = log
        self._from = 0

    async def watch(self) -> None:
        connection = await asyncpg.connect(self._postgres.url_of("hub", user="postgres"))
        try:
            await connection.execute("ALTER ROLE hub SET log_statement = 'all'")
        finally:
            await connection.close()

    def mark(self) -> None:
        """Count from here on."""
        self._from = self._log.stat().st_size

    def since_mark(self) -> Counter[str]:
        """The beginnings of the statements, and how often each was asked."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            text = log.read().decode(errors="replace")
        asked = (one[:110] for one in _ASKED.findall(text))
        return Counter(one for one in asked if not _OF_THE_RELAY.search(one))
