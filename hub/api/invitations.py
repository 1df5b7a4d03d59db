"""Invitations to groups of people: made, listed, sent again, revoked, accepted. Only a POST ever takes a use."""

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.cursor import next_cursor
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.people_groups import keyset
from hub.api.people_schemas import (
    AcceptIn,
    InvitationIn,
    InvitationOut,
    IssuedInvitationOut,
    PeopleGroupOut,
    PeopleQuery,
    ResendIn,
)
from hub.errors import Conflict, Forbidden, NotFound, TooMany
from hub.services import invitations


@endpoint(query=PeopleQuery, returns={200: list[InvitationOut]}, errors=(Forbidden,))
async def list_invitations(request: Request, query: PeopleQuery) -> Reply[list[Json]]:
    """The group's invitations, ended ones too, newest first. For its owners and admins."""
    async with request.state.db() as session:
        found = await invitations.list_invitations(
            session,
            request.path_params["slug"],
            by=request.user,
            now=request.state.clock.now(),
            limit=query.limit,
            before=keyset(query.before),
        )
    return Reply(found, next=next_cursor(found, query.limit, "created_at", "id"))


@endpoint(
    body=InvitationIn,
    body_may_be_empty=True,
    returns={200: IssuedInvitationOut, 201: IssuedInvitationOut},
    errors=(Forbidden, Conflict, TooMany),
)
async def create_invitation(request: Request, body: InvitationIn) -> Reply[Json]:
    """Invite an address, which is written a letter, or make a link for the first `max_uses` who come.

    An address that is invited already is sent a new link for the old one (200).
    """
    async with request.state.db.begin() as session:
        issued = await invitations.create(
            session,
            request.path_params["slug"],
            body.to_domain(),
            base_url=request.state.settings.base_url,
            by=request.user,
            now=request.state.clock.now(),
        )
        await _count_letter(request, issued.shown)
    return Reply(issued.shown, status=201 if issued.is_new else 200)


@endpoint(returns={200: None}, errors=(Forbidden, Conflict))
async def revoke_invitation(request: Request) -> Reply[None]:
    """End an invitation: its link lets nobody in any more. Who is in stays."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        await invitations.revoke(session, path["slug"], path["invitation_id"], by=request.user, now=now)
    return Reply()


@endpoint(
    body=ResendIn, body_may_be_empty=True, returns={200: IssuedInvitationOut}, errors=(Forbidden, Conflict, TooMany)
)
async def resend_invitation(request: Request, body: ResendIn) -> Reply[Json]:
    """A new link for an invitation, mailed if it has an address. The old link is worth nothing from now on."""
    path = request.path_params
    async with request.state.db.begin() as session:
        shown = await invitations.resend(
            session,
            path["slug"],
            path["invitation_id"],
            expires_in_s=body.expires_in_s,
            base_url=request.state.settings.base_url,
            by=request.user,
            now=request.state.clock.now(),
        )
        await _count_letter(request, shown)
    return Reply(shown)


@endpoint(body=AcceptIn, returns={200: PeopleGroupOut}, errors=(NotFound,))
async def accept_invitation(request: Request, body: AcceptIn) -> Reply[Json]:
    """Join the group that a token invites to. By the same account again: the same answer, and no second use.

    Unknown, expired, used up, revoked and meant for another address are answered alike.
    """
    async with request.state.db.begin() as session:
        return Reply(await invitations.accept(session, body.token, by=request.user, now=request.state.clock.now()))


async def _count_letter(request: Request, invitation: Json) -> None:
    """Raises TooMany, so that nothing is written, when this account has mailed too many, or somebody got too many."""
    if invitation["email"] is not None:
        await request.state.limiter.hit("invite.account", request.user.account_id)
        await request.state.limiter.hit("invite.recipient", invitation["email"])
