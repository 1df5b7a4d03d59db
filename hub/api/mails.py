"""The mails of a hub without a mail server, for its admins."""

from starlette.requests import Request

from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.schemas import MailOut
from hub.errors import Forbidden, NotFound
from hub.services.account_changes import require_admin


@endpoint(returns={200: list[MailOut]}, errors=(Forbidden, NotFound))
async def list_mails(request: Request) -> Reply[list[MailOut]]:
    """The last mails that were written into files, newest first. For admins; 404 when a mail server is configured."""
    require_admin(request.user)
    if request.state.mail_files is None:
        raise NotFound
    return Reply([MailOut.of(mail) for mail in await request.state.mail_files.newest()])
