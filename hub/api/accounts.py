"""Accounts, for admins of the hub."""

from starlette.requests import Request

from hub.api.cursor import next_cursor, read_cursor
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.schemas import AccountsQuery, KnownAccountOut, StandingPatch
from hub.errors import Conflict, Forbidden, NotFound
from hub.services import account_changes


@endpoint(query=AccountsQuery, returns={200: list[KnownAccountOut]}, errors=(Forbidden,))
async def list_accounts(request: Request, query: AccountsQuery) -> Reply[list[KnownAccountOut]]:
    """Accounts, newest first; with `email` at most the one that has this address. For admins of the hub."""
    before = None if query.before is None else read_cursor(query.before, 0)[1]
    async with request.state.db() as session:
        found = await account_changes.list_accounts(
            session, by=request.user, email=query.email, before=before, limit=query.limit
        )
    shown = [KnownAccountOut.of(account) for account in found]
    return Reply(shown, next=next_cursor([{"id": account.id} for account in found], query.limit, "id"))


@endpoint(body=StandingPatch, returns={200: KnownAccountOut}, errors=(Forbidden, NotFound, Conflict))
async def change_account(request: Request, body: StandingPatch) -> Reply[KnownAccountOut]:
    """Disable or enable an account, or vouch for its address. For admins of the hub; disabling ends its sign-ins."""
    given = {f"is_{name}": getattr(body, name) for name in body.model_fields_set}
    async with request.state.db.begin() as session:
        account = await account_changes.change_standing(
            session, request.path_params["account_id"], by=request.user, now=request.state.clock.now(), **given
        )
    return Reply(KnownAccountOut.of(account))
