"""Unchanged Centrifuge SDKs against a running hub: the wire is theirs, the guarantees are ours (G1)."""

from datetime import timedelta

import pytest

from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.domain.event import apply
from hub.settings import Settings
from tests.contract.conftest import LivePage
from tests.support.hub import SECRET_KEY
from tests.support.proxy import tcp_proxy
from tests.support.sdk import Viewer, named, offsets, open_viewer, told
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("sdk", ["python", "javascript"])]


async def follow(viewer: Viewer, until: int, within_s: float = 20.0) -> None:
    """Wait for the publication with offset `until`."""
    await wait_until(lambda: until in offsets(viewer), within_s=within_s)


async def test_a_visitor_gets_the_snapshot_then_each_change_live(sdk: str, live_page: LivePage) -> None:
    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel) as viewer:
        joined = await told(viewer, "subscribed")
        state = joined["data"]
        assert state["channel"] == live_page.channel
        assert (state["epoch"], state["offset"]) == (joined["epoch"], joined["offset"])
        assert {one["name"] for one in state["components"]} == {"API", "Mail", "Website"}
        await live_page.change(3)
        await follow(viewer, state["offset"] + 3, within_s=20)
        for publication in named(viewer, "publication"):
            state = {**apply(state, publication["data"]), "offset": publication["offset"]}
        assert state == await live_page.snapshot()


async def test_a_token_gives_the_view_of_its_account(sdk: str, live_page: LivePage) -> None:
    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel, token=live_page.token) as viewer:
        joined = await told(viewer, "subscribed")
        assert joined["data"]["channel"] == live_page.channel + "@all"
        await live_page.change()
        assert (await told(viewer, "publication", within_s=20))["offset"] == joined["offset"] + 1


@pytest.mark.parametrize("cut", ["reset", "finish", "black_hole"])
async def test_a_cut_socket_costs_nothing(sdk: str, cut: str, live_page: LivePage) -> None:
    """Twenty changes while the socket is cut again and again: each is seen once and in order."""
    async with tcp_proxy(live_page.hub.port) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/connection/websocket"
        async with open_viewer(sdk, url, live_page.channel, max_ping_delay_s=1.5) as viewer:
            start = (await told(viewer, "subscribed"))["offset"]
            for number in range(20):
                await live_page.change()
                if number % 6 == 2:
                    getattr(proxy, cut)()
                    if cut == "black_hole":
                        await told(viewer, "connecting", times=len(named(viewer, "connecting")) + 1)
                        proxy.pass_on()
            await follow(viewer, start + 20)
            assert offsets(viewer) == list(range(start + 1, start + 21))
            rejoined = named(viewer, "subscribed")[1:]
            assert rejoined, "the socket was never cut"
            assert all(one["was_recovering"] and one["recovered"] for one in rejoined)


async def test_a_bad_token_ends_with_3500(sdk: str, live_page: LivePage) -> None:
    bad = live_page.token[:-6] + "AAAAAA"
    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel, token=bad) as viewer:
        assert (await told(viewer, "disconnected"))["code"] == 3500


def token_like(token: str, *, age: timedelta = timedelta(0), ttl_s: int = 600) -> str:
    """A token for the session of `token`, made `age` ago to live for `ttl_s`."""
    settings = Settings.model_validate({"hub_secret_key": SECRET_KEY, "jwt_access_ttl_s": ttl_s})
    tokens, now = Tokens.of(settings), SystemClock().now()
    claims = tokens.verify(token, now)
    return tokens.issue(
        account_id=claims.account_id, session_id=claims.session_id, version=claims.version, now=now - age
    )


async def test_an_expired_token_makes_the_client_fetch_a_new_one(sdk: str, live_page: LivePage) -> None:
    fetched = []

    async def get_token() -> str:
        fetched.append(1)
        return live_page.token

    options = {"token": token_like(live_page.token, age=timedelta(hours=1)), "get_token": get_token}
    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel, **options) as viewer:
        joined = await told(viewer, "subscribed", within_s=20)
        assert joined["data"]["channel"] == live_page.channel + "@all"
        assert len(fetched) == 1


async def test_an_unknown_page_and_an_invisible_one_are_the_same_103(sdk: str, live_page: LivePage) -> None:
    hidden = f"hidden-{live_page.slug}"
    body = {"slug": hidden, "title": "Hidden", "audience": "verified"}
    made = await live_page.operator.post("/api/v1/pages", json=body)
    assert made.status_code == 201, made.text
    ends = []
    for channel in ("page:nowhere", f"page:{hidden}", f"{live_page.channel}@verified", "page:Not a slug"):
        async with open_viewer(sdk, live_page.hub.ws_url, channel) as viewer:
            ends.append(await told(viewer, "unsubscribed"))
    assert {end["code"] for end in ends} == {103}
    assert len({end["reason"] for end in ends}) == 1


@pytest.mark.slow
async def test_a_token_is_refreshed_in_band_before_it_ends(sdk: str, live_page: LivePage) -> None:
    fetched = []

    async def get_token() -> str:
        fetched.append(1)
        return token_like(live_page.token, ttl_s=5)

    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel, get_token=get_token) as viewer:
        await told(viewer, "subscribed")
        await wait_until(lambda: len(fetched) >= 3, within_s=20)
        assert len(named(viewer, "connected")) == 1
        assert named(viewer, "disconnected") == []


async def test_an_unsubscribed_client_hears_nothing_and_recovers_when_it_returns(sdk: str, live_page: LivePage) -> None:
    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel) as viewer:
        start = (await told(viewer, "subscribed"))["offset"]
        await live_page.change()
        await follow(viewer, start + 1)
        await viewer.do("unsubscribe")
        await told(viewer, "unsubscribed")
        await live_page.change(3)
        assert offsets(viewer) == [start + 1]
        await viewer.do("subscribe")
        again = await told(viewer, "subscribed", times=2)
        await follow(viewer, start + 4)
        assert again["recovered"]
        assert offsets(viewer) == list(range(start + 1, start + 5))


async def test_pings_keep_both_sides_sure_of_each_other(sdk: str, live_page: LivePage) -> None:
    async with tcp_proxy(live_page.hub.port) as proxy:
        url = f"ws://127.0.0.1:{proxy.port}/connection/websocket"
        async with open_viewer(sdk, url, live_page.channel, max_ping_delay_s=1.5) as viewer:
            await told(viewer, "subscribed")
            moved = proxy.moved
            await wait_until(lambda: proxy.moved >= moved + 16, within_s=20)  # eight pings, eight pongs
            await live_page.change()
            await told(viewer, "publication")
            assert len(named(viewer, "connected")) == 1


async def test_the_history_command_and_rest_tell_what_the_socket_saw(sdk: str, live_page: LivePage) -> None:
    async with open_viewer(sdk, live_page.hub.ws_url, live_page.channel) as viewer:
        start = (await told(viewer, "subscribed"))["offset"]
        await live_page.change(5)
        await follow(viewer, start + 5)
        rest = await live_page.history(start)
        assert rest["recovered"] is True
        assert rest["offset"] == start + 5
        heard = [(one["offset"], one["data"]) for one in named(viewer, "publication")]
        assert [(one["offset"], one["data"]) for one in rest["publications"]] == heard
        await viewer.do("history", limit=100)
        told_offsets = (await told(viewer, "history"))["offsets"]
        assert told_offsets[-5:] == offsets(viewer)


async def test_a_hub_that_leaves_says_so_and_its_clients_come_back(sdk: str, own_live_page: LivePage) -> None:
    async with open_viewer(sdk, own_live_page.hub.ws_url, own_live_page.channel) as viewer:
        start = (await told(viewer, "subscribed"))["offset"]
        assert await own_live_page.hub.stop() == 0
        await wait_until(lambda: 3001 in [one["code"] for one in named(viewer, "connecting")], within_s=20)
        await own_live_page.hub.start()
        await told(viewer, "subscribed", times=2, within_s=20)
        await own_live_page.change(2)
        await follow(viewer, start + 2)
        assert offsets(viewer) == [start + 1, start + 2]
