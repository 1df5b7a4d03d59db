"""Unexpected errors on their way to Sentry, if that is configured and installed; else everything here is a no-op."""

import importlib
from typing import Any

from hub.settings import Settings


def start(settings: Settings) -> None:
    """Set Sentry up once per process; raises ValueError when SENTRY_DSN is set and `sentry-sdk` is not installed."""
    if settings.sentry_dsn is None:
        return
    sdk = _sdk()
    if sdk is None:
        raise ValueError("SENTRY_DSN is set but sentry-sdk is not installed")
    logging_integration = importlib.import_module("sentry_sdk.integrations.logging").LoggingIntegration
    sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        auto_enabling_integrations=False,  # `capture` reports each error once; the Starlette hook would do so again
        integrations=[logging_integration(event_level=None)],
        send_default_pii=False,
        include_local_variables=False,  # they hold tokens and passwords
        max_request_body_size="never",
    )


def capture(error: BaseException, *, error_id: str) -> None:
    """Report `error` under the id that the caller of the hub was given."""
    sdk = _sdk()
    if sdk is not None and sdk.is_initialized():
        sdk.capture_exception(error, tags={"error_id": error_id})


def _sdk() -> Any:
    try:
        return importlib.import_module("sentry_sdk")
    except ImportError:
        return None
