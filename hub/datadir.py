"""What a running hub leaves in HUB_DATA_DIR for other commands: where its servers are, and the secret key.

Every entry point calls `load_settings`, so that a command run with the same HUB_DATA_DIR reaches the running hub.
"""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import SecretStr

from hub.settings import Settings

DEMO_EMAIL = "demo@statushub.example"
_RUN_FILE = "run.json"
_KEY_FILE = "secret-key"


def load_settings() -> Settings:
    """The environment's settings; what they leave open is taken from the hub running on HUB_DATA_DIR, if one is."""
    settings = Settings()
    found: dict[str, object] = {}
    running = read_run_file(settings.hub_data_dir)
    if running is not None:
        if not settings.has_outside_database:
            found["database_url"] = SecretStr(running["database_url"])
        if not settings.has_outside_redis:
            found["redis_url"] = SecretStr(running["redis_url"])
        if settings.hub_base_url is None:
            found["hub_base_url"] = running["base_url"]
    if settings.hub_secret_key is None:
        with suppress(OSError):
            found["hub_secret_key"] = SecretStr((settings.hub_data_dir / _KEY_FILE).read_text().strip())
    return settings.model_copy(update=found)


def write_run_file(data_dir: Path, *, database_url: str, redis_url: str, base_url: str) -> None:
    """Tell other commands where this process's hub is; readable by its owner alone."""
    me = psutil.Process()
    facts = {
        "pid": me.pid,
        "started_at": me.create_time(),
        "database_url": database_url,
        "redis_url": redis_url,
        "base_url": base_url,
    }
    write_private(data_dir / _RUN_FILE, json.dumps(facts, indent=2) + "\n")


def remove_run_file(data_dir: Path) -> None:
    (data_dir / _RUN_FILE).unlink(missing_ok=True)


def read_run_file(data_dir: Path) -> dict[str, str] | None:
    """What a hub that runs now has written; None when none runs (a `kill -9` leaves the file behind)."""
    try:
        facts = json.loads((data_dir / _RUN_FILE).read_text())
        process = psutil.Process(int(facts["pid"]))
        is_alive = abs(process.create_time() - float(facts["started_at"])) < 1
        return {name: str(facts[name]) for name in ("database_url", "redis_url", "base_url")} if is_alive else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None


def keep_secret(data_dir: Path, name: str = _KEY_FILE, *, n_bytes: int = 32) -> str:
    """The secret kept in `data_dir` under `name`, made at the first call."""
    path = data_dir / name
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    secret = secrets.token_urlsafe(n_bytes)
    write_private(path, secret + "\n")
    return secret


def write_private(path: Path, text: str) -> None:
    """Write `text` whole or not at all, for the owner's eyes alone (0600)."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def demo_sign_in(data_dir: Path) -> tuple[str, str]:
    """E-mail address and password of the demo account; the password is made at the first call and kept."""
    return DEMO_EMAIL, keep_secret(data_dir, "demo-password", n_bytes=9)
