"""Cells of the fault plan, each of a test's own."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hub.embedded import Valkey
from tests.support.cell import Cell, open_cell, socket_of
from tests.support.servers import Servers

OpenCell = Callable[..., contextlib.AbstractAsyncContextManager[Cell]]


@pytest.fixture
def open_a_cell(
    request: pytest.FixtureRequest, servers: Servers, database_url: str, own_valkey: Valkey, tmp_path: Path
) -> OpenCell:
    """`async with open_a_cell(nodes=3) as cell:` over a fresh database and a Valkey that the test may break."""
    database = database_url.partition("@/")[2].partition("?")[0]

    @contextlib.asynccontextmanager
    async def open_it(**options: object) -> AsyncIterator[Cell]:
        where = {"socket_of_postgres": socket_of(servers.postgres), "database": database}
        async with open_cell(**{**where, "valkey": own_valkey, "directory": tmp_path, **options}) as cell:
            try:
                yield cell
            finally:
                for node in cell.nodes:
                    said = [line for line in node.hub.log.splitlines() if "uvicorn." not in line]
                    report = "\n".join(said[-60:])
                    request.node.add_report_section("teardown", f"hub on {node.hub.port}", report)

    return open_it
