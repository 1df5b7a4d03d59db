"""What each kind of viewer can get out of a hub, byte by byte: all that is for him, and nothing else (G2)."""

import pytest

from tests.support.crawl import crawl
from tests.support.leak_world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

VIEWERS = (
    "anonymous", "fake", "verified", "member", "developer", "ex_member", "viewer", "editor", "owner", "other_owner",
    "admin", "key_read", "key_write",
)  # fmt: skip


@pytest.mark.parametrize("name", VIEWERS)
async def test_a_viewer_finds_what_is_for_him_and_not_one_byte_of_the_rest(world: World, name: str):
    """R6, cases 74, 76, 79. Requests with every id, streams, sockets, the log: no secret of others, each of his own."""
    person = world.people[name]
    harvest = await crawl(world, person)
    leaks = {
        (secret.what, piece.where)
        for piece in harvest.pieces
        for secret in world.secrets.leaked_to(person, piece.text, piece.said)
    }
    assert not leaks
    assert not [piece.where for piece in harvest.pieces if piece.status >= 500]
    assert not [secret.what for secret in world.secrets.missed_by(person, harvest.text)]
