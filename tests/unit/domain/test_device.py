"""What a sign-in is called in the list of sessions."""

import pytest

from hub.domain.device import device_of

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18 Safari/605",
            "Safari on macOS",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} CriOS/140 Safari/604.1",
            "Chrome on iPhone",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15; Pixel) {WEBKIT} Chrome/140 Mobile Safari/537",
            "Chrome on Android",
        ),
        ("curl/8.9.1", "curl"),
        ("python-httpx2/2.16 (Linux)", "a program on Linux"),
        ("command line", "command line"),
        ("", "unknown device"),
        ("/1.0", "unknown device"),
        ("x" * 500, "x" * 40),
        ("evil\r\n\x1b[31mred", "evil"),
        ("<script>alert(1)</script>", "<script>alert(1)<"),
    ],
)
def test_a_user_agent_in_a_few_words(user_agent: str, words: str) -> None:
    assert device_of(user_agent) == words
