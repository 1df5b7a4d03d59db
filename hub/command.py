"""What every command of `python -m hub` begins with."""

from pydantic import ValidationError

from hub.datadir import load_settings
from hub.errors import Misconfigured
from hub.observe import logs
from hub.settings import Settings


def settings_of(who: str, *, needs_database: bool = True, needs_redis: bool = True) -> Settings:
    """The settings of this command, with logging set up by them; raises Misconfigured."""
    try:
        settings = load_settings()
        _ = needs_database and settings.sqlalchemy_url, needs_redis and settings.redis_dsn
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])).upper()
        raise Misconfigured(f"{name} is not right: {first['msg']} (it is {first['input']!r})") from None
    except ValueError as error:
        raise Misconfigured(str(error)) from None
    logs.configure(settings, who)
    return settings
