"""Accounts by the thousand (R12): few are made, and those that are see what anybody signed in sees."""

import json
from itertools import count

from hub.settings import Settings
from tests.support.api import data_of, error_of, open_api

PER_HOUR = 3
SECRET = "zanzibar"


async def test_accounts_made_by_bots_are_few_and_see_nothing_that_is_for_others(settings: Settings) -> None:
    limited = settings.model_copy(update={"hub_registrations_per_address_per_hour": PER_HOUR})
    async with open_api(limited) as api, await api.client_of("admin@example.test", is_admin=True) as admin:
        data_of(await admin.post("/api/v1/groups", json={"slug": "ops", "name": SECRET}), 201)
        data_of(await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
        for audience in ("public", "authenticated", "verified", "group:ops"):
            secret = SECRET if audience in {"verified", "group:ops"} else "shown"
            body = {"name": f"{secret} {audience}", "audience": audience}
            data_of(await admin.post("/api/v1/pages/acme/components", json=body), 201)

        made = []
        for number in count():
            body = {"email": f"bot{number}@example.test", "password": "correct horse battery"}
            answer = await api.anonymous.post("/api/v1/auth/register", json=body)
            if answer.status_code == 429:
                break
            data_of(answer, 201)
            made.append(body)
        error_of(answer, 429, "too_many_requests")
        assert int(answer.headers["retry-after"]) > 0
        assert len(made) == PER_HOUR

        grant = data_of(await api.anonymous.post("/api/v1/auth/login", json=made[0]))
        async with api.client({"Authorization": f"Bearer {grant['access_token']}"}) as bot:
            shown = data_of(await bot.get("/api/v1/pages/acme/snapshot"))
            assert sorted(item["name"] for item in shown["components"]) == ["shown authenticated", "shown public"]
            error_of(await bot.get("/api/v1/groups/ops"), 404)
            assert SECRET not in json.dumps([shown, data_of(await bot.get("/api/v1/groups"))])
