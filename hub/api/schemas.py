"""Bodies, queries and answers about accounts and sessions. Those about pages: page_schemas.py."""

from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from hub.api.fields import In, InstantText, Limit, Out, Query, left_out
from hub.auth.permissions import Principal
from hub.domain.device import device_of
from hub.domain.text import iso
from hub.services.accounts import Account
from hub.services.mails import FiledMail
from hub.services.sessions import Grant, SessionInfo

Email = Annotated[str, StringConstraints(min_length=3, max_length=320)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class RegisterIn(In):
    email: Email
    password: Password


class LoginIn(In):
    email: Email
    password: Password


class RefreshIn(In):
    refresh_token: Token | None = None


class TokenIn(In):
    """The token of a mailed link: what follows its `#`."""

    token: Token


class ForgotIn(In):
    email: Email


class ResetIn(In):
    token: Token
    new_password: Password


class PasswordIn(In):
    current_password: Password
    new_password: Password


class EmailIn(In):
    email: Email
    current_password: Password


class EndIn(In):
    current_password: Password


class StandingPatch(In):
    """`disabled`: may not sign in; `verified`: the address counts as proven."""

    disabled: bool = left_out()
    verified: bool = left_out()


class AccountsQuery(Query):
    email: Email | None = None
    before: Annotated[str, StringConstraints(max_length=200)] | None = None
    limit: Limit = 50


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


class KnownAccountOut(AccountOut):
    """An account as admins of the hub see it."""

    is_disabled: bool

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(**AccountOut.of(account).model_dump(), is_disabled=account.is_disabled)


class MeOut(AccountOut):
    """`roles`: page id → owner, editor or viewer."""

    session_id: str | None
    roles: dict[str, str]

    @classmethod
    def of_principal(cls, account: Account, principal: Principal) -> Self:
        return cls(**AccountOut.of(account).model_dump(), session_id=principal.session_id, roles=dict(principal.roles))


class SessionOut(Out):
    """`device`: `user_agent` in a few words; `address`: where the sign-in came from."""

    id: str
    device: str
    user_agent: str
    address: str
    created_at: InstantText
    last_used_at: InstantText
    is_current: bool

    @classmethod
    def of(cls, info: SessionInfo, *, current: str | None) -> Self:
        return cls(
            id=info.id,
            device=device_of(info.user_agent),
            user_agent=info.user_agent,
            address=info.address,
            created_at=iso(info.created_at),
            last_used_at=iso(info.last_used_at),
            is_current=info.id == current,
        )


class MailOut(Out):
    """`at`: when it was written."""

    id: str
    recipient: str
    subject: str
    body: str
    at: InstantText

    @classmethod
    def of(cls, mail: FiledMail) -> Self:
        return cls(id=mail.id, recipient=mail.recipient, subject=mail.subject, body=mail.body, at=iso(mail.at))
