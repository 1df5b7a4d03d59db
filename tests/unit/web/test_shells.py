"""Where a sign-in may lead on to: X7."""

import pytest

from hub.web.shells import local_path


@pytest.mark.parametrize("path", ["/", "/console?page=acme", "/p/acme#now", "/console/groups/ops", "/%2f%2fevil.test"])
def test_a_path_of_this_hub_is_kept(path: str):
    assert local_path(path) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "console",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https://evil.test",
        "http:/evil.test",
        "javascript:alert(1)",
        "/\t/evil.test",
        "/\r\nSet-Cookie: a=b",
        "//[",
        " //evil.test",
    ],
)
def test_whatever_could_lead_elsewhere_leads_nowhere(text: str):
    """X7."""
    assert local_path(text) == ""
