"""How often passwords and mailed links may be tried, and letters be asked for (`hub.api.rate_limits` counts)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from hub.auth.addresses import counted_as
from hub.errors import Invalid, TooMany, Unauthenticated
from hub.services import accounts


def address_of(request: Request) -> str:
    """The network address that a request came from."""
    return request.client.host if request.client else ""


async def count_registration(request: Request) -> None:
    """Raises TooMany."""
    await request.state.limiter.hit("register.address", _place_of(request))


async def sign_in(request: Request, email: str, password: str) -> str:
    """The id of the account that both open. Unauthenticated for all else, TooMany for too many tries.

    An account stands a number of wrong tries from each address, and ten times as many from all addresses together that
    it has never been signed in to from: so guessing from everywhere is slow, and locks the owner out of no place where
    he has been before. Counted before the password is looked at, or many tries at once would all pass.
    """
    limiter, place = request.state.limiter, _place_of(request)
    await limiter.test("login.address", place)
    claimant = await accounts.find_claimant(request.state.db, email, address_of(request))
    pair = f"{claimant.email} {place}"
    await limiter.hit("login.account", pair)
    if not claimant.is_at_home:
        await limiter.hit("login.everywhere", claimant.email)
    try:
        account_id = await accounts.check_credentials(request.state.db, claimant, password)
    except Unauthenticated:
        await limiter.hit("login.address", place)
        raise
    await limiter.forget("login.account", pair)
    return account_id


async def forgive_tries(request: Request, email: str | None) -> None:
    """Somebody has proven that the account is his: what others have tried shall not keep him out here."""
    await request.state.limiter.forget("login.everywhere", email or "")
    await request.state.limiter.forget("login.account", f"{email} {_place_of(request)}")


async def check_own_password(request: Request, password: str, *, field: str) -> None:
    """Raises Invalid, naming `field`, unless it is the password of the signed-in account; TooMany likewise."""
    limiter, account_id = request.state.limiter, request.user.account_id
    await limiter.hit("password.account", account_id)
    await accounts.check_own_password(request.state.db, account_id, password, field=field)
    await limiter.forget("password.account", account_id)


@asynccontextmanager
async def no_guessing(request: Request) -> AsyncIterator[None]:
    """Around the use of a mailed link: who brings many that are no good is TooMany."""
    limiter, place = request.state.limiter, _place_of(request)
    await limiter.test("token.address", place)
    try:
        yield
    except Invalid as error:
        if "token" in (error.fields or {}):
            await limiter.hit("token.address", place)
        raise


async def may_write_to(request: Request, email: str, about: str) -> bool:
    """Whether another letter of this kind may go there; counted as one. Said to nobody: the answer is the same.

    Kinds count apart, or a stranger who registers the address again and again would keep its owner from the link for a
    new password. Invalid for what is no address, TooMany when the request's own address has caused too many letters.
    """
    limiter, email = request.state.limiter, accounts.normal_email(email)
    await limiter.hit("letter.address", _place_of(request))
    try:
        await limiter.hit("letter.recipient", f"{about} {email}")
    except TooMany:
        return False
    return True


def _place_of(request: Request) -> str:
    return counted_as(address_of(request))
