"""Bodies, queries and answers about accounts and sessions. Those about pages: page_schemas.py."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from hub.api.fields import In, InstantText, Out
from hub.auth.permissions import Principal
from hub.domain.text import iso
from hub.services.accounts import Account
from hub.services.sessions import Grant, SessionInfo

Email = Annotated[str, StringConstraints(min_length=3, max_length=320)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class RegisterIn(In):
    email: Email
    password: Password


class LoginIn(In):
    email: Email
    password: Password


class RefreshIn(In):
    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None


class PasswordIn(In):
    current_password: Password
    new_password: Password


class GrantOut(Out):
    """`expires_in`: seconds the access token lives."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    refresh_token: str

    @classmethod
    def of(cls, grant: Grant) -> Self:
        return cls(
            access_token=grant.access_token,
            token_type="bearer",  # noqa: S106 (the scheme's name)
            expires_in=grant.expires_in_s,
            refresh_token=grant.refresh_token,
        )


class AccountOut(Out):
    id: str
    email: str | None
    is_admin: bool
    is_verified: bool
    created_at: InstantText

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(
            id=account.id,
            email=account.email,
            is_admin=account.is_admin,
            is_verified=account.is_verified,
            created_at=iso(account.created_at),
        )


class MeOut(AccountOut):
    """`roles`: page id → owner, editor or viewer."""

    session_id: str | None
    roles: dict[str, str]

    @classmethod
    def of_principal(cls, account: Account, principal: Principal) -> Self:
        return cls(**AccountOut.of(account).model_dump(), session_id=principal.session_id, roles=dict(principal.roles))


class SessionOut(Out):
    id: str
    user_agent: str
    address: str
    created_at: InstantText
    last_used_at: InstantText
    is_current: bool

    @classmethod
    def of(cls, info: SessionInfo, *, current: str | None) -> Self:
        return cls(
            id=info.id,
            user_agent=info.user_agent,
            address=info.address,
            created_at=iso(info.created_at),
            last_used_at=iso(info.last_used_at),
            is_current=info.id == current,
        )
