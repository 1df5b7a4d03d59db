"""Chromium from the distribution, driven by playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

_APPLICATIONS = "/Applications/{0}.app/Contents/MacOS/{0}"
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    _APPLICATIONS.format("Google Chrome"),
    _APPLICATIONS.format("Chromium"),
)
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str | None:
    """The installed browser; None when there is none (`.ci/install-tools.sh` installs it)."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    path = chromium_path()
    assert path is not None, "no Chromium: run .ci/install-tools.sh"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()
