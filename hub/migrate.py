"""Bring a database to the newest table layout, from wherever the process was started."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

_ROOT = Path(__file__).parent.parent


def alembic_config(database_url: str) -> Config:
    """Alembic's view of the project for one database (`postgresql+asyncpg://…`)."""
    config = Config(str(_ROOT / "alembic.ini"))
    config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str) -> None:
    """Run what is missing. Several callers at once are fine: one migrates, the others wait and find nothing to do."""
    command.upgrade(alembic_config(database_url), "head")


def revisions() -> tuple[str, frozenset[str]]:
    """The newest revision, which a current database is at, and all that this code knows of."""
    script = ScriptDirectory.from_config(Config(str(_ROOT / "alembic.ini")))
    newest = script.get_current_head()
    assert newest is not None
    return newest, frozenset(step.revision for step in script.walk_revisions())
