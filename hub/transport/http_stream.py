"""`/connection/http_stream` and `/connection/sse`: the two-way protocol where WebSockets are blocked.

The request carries the first commands, `connect` before all; the response carries replies and pushes; further commands
come by `/emulation`. `docs/protocol.md#streams`.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from hub.protocol.codec_protobuf import PROTOBUF
from hub.protocol.limits import Manner
from hub.transport.emulation import Emulation, new_session
from hub.transport.encodings import EVENTS, LINES, Framing
from hub.transport.streams import EVENT_STREAM, LINE_STREAM, Stream
from hub.transport.visits import BINARY_TYPE, Refusal, check_visit, for_any_page, is_binary, read_body

PIECES = Framing(PROTOBUF, bytes)
CONNECT_PARAMETER = "cf_connect"


@for_any_page
async def http_stream_endpoint(request: Request) -> Response:
    """One reply or push to a line; or, for clients of the binary encoding, each behind its length."""
    check_visit(request)
    framing, media_type = (PIECES, BINARY_TYPE) if is_binary(request) else (LINES, LINE_STREAM)
    return _stream(request, await read_body(request), framing, media_type)


@for_any_page
async def sse_endpoint(request: Request) -> Response:
    """One reply or push to an event; the commands are in the address, as EventSource can send nothing else."""
    check_visit(request)
    commands = await commands_of(request)
    if not commands:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"The connect command is missing ({CONNECT_PARAMETER}).")
    return _stream(request, commands, EVENTS, EVENT_STREAM)


async def commands_of(request: Request) -> bytes:
    """The body of a POST, else what the address says."""
    if request.method == "POST":
        return await read_body(request)
    return request.query_params.get(CONNECT_PARAMETER, "").encode()


def _stream(request: Request, commands: bytes, framing: Framing, media_type: str) -> Response:
    emulation: Emulation = request.state.emulation
    manner = Manner(session=new_session(), node=emulation.node)
    return Stream(request, framing, media_type, manner, commands, emulation)
