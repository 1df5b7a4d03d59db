"""Other servers for the same job: installed under `.build/bench`, outside the hub's own environment, and run there.

What cannot be installed is reported as absent with the reason.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil

from benchmarks.processes import BUILD, HERE, SERVER_CORE, BenchError, free_port, process, wait_listening
from benchmarks.targets import Places, Publish, Target, environment, http_publisher

PYTHON_PACKAGES = (
    "broadcaster[redis]==0.3.1",
    "hiredis==3.5.0",
    "httptools==0.9.0",
    "python-socketio==5.18.1",
    "redis==8.1.0",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
    "websockets==17.4",
)
NODE_PACKAGES = ("ws@8", "redis@5")
DEBIAN_PACKAGES = ("nginx", "libnginx-mod-nchan", "libhiredis0.14")
INSTALL_WITHIN_S = 300


def _installed(name: str, *commands: list[str], cwd: Path) -> Path:
    """`cwd`, after the commands have succeeded there once."""
    stamp = cwd / f".{name}.installed"
    if not stamp.exists():
        cwd.mkdir(parents=True, exist_ok=True)
        for command in commands:
            try:
                done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=INSTALL_WITHIN_S, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise BenchError(f"cannot be installed: {error}") from None
            if done.returncode:
                raise BenchError(f"cannot be installed: {done.stderr.decode(errors='replace').strip()[-300:]}")
        stamp.touch()
    return cwd


def _python() -> str:
    folder = _installed(
        "packages",
        [sys.executable, "-m", "venv", "."],
        ["bin/python", "-m", "pip", "install", "--quiet", *PYTHON_PACKAGES],
        cwd=BUILD / "python",
    )
    return str(folder / "bin" / "python")


def _uvicorn(app: str, port: int) -> list[str]:
    options = "--loop uvloop --ws websockets-sansio --ws-ping-interval 600 --no-access-log --log-level warning"
    return [_python(), "-m", "uvicorn", app, "--port", str(port), "--ws-per-message-deflate", "false", *options.split()]


@contextlib.contextmanager
def socketio(places: Places) -> Iterator[Target]:
    """python-socketio with its Redis manager."""
    port = free_port()
    env = environment(REDIS_URL=places.redis_url, PYTHONPATH=str(HERE / "peers"))
    with process(_uvicorn("socketio_app:app", port), core=SERVER_CORE, env=env) as child:
        wait_listening(port, child)
        redis = places.redis_publisher("socketio")

        def publish(payload: bytes) -> None:
            """As another process with a write-only manager emits."""
            event = {"method": "emit", "event": "m", "data": json.loads(payload), "namespace": "/", "room": None}
            redis(json.dumps({**event, "skip_sid": None, "callback": None, "host_id": "bench"}).encode())

        path = "/socket.io/?EIO=4&transport=websocket"
        yield Target("python-socketio + redis", port, (child.pid,), publish, path, ("\t0{\t40\t40{",))


@contextlib.contextmanager
def broadcaster(places: Places) -> Iterator[Target]:
    """Starlette with broadcaster over Redis."""
    port = free_port()
    env = environment(REDIS_URL=places.redis_url, PYTHONPATH=str(HERE / "peers"))
    with process(_uvicorn("broadcaster_app:app", port), core=SERVER_CORE, env=env) as child:
        wait_listening(port, child)
        yield Target("Starlette + broadcaster", port, (child.pid,), places.redis_publisher("bench"))


@contextlib.contextmanager
def node(places: Places) -> Iterator[Target]:
    """`ws` with `redis`."""
    folder = _installed(
        "packages", ["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE_PACKAGES], cwd=BUILD / "node"
    )
    port = free_port()
    env = environment(NODE_PATH=str(folder / "node_modules"), NODE_ENV="production")
    argv = ["node", str(HERE / "peers" / "node_ws.js"), str(port), places.redis_url]
    with process(argv, core=SERVER_CORE, env=env) as child:
        wait_listening(port, child)
        yield Target("node ws + redis", port, (child.pid,), places.redis_publisher("bench"))


@contextlib.contextmanager
def nchan(places: Places, *, over_redis: bool) -> Iterator[Target]:
    """nginx with nchan, one worker; published by POST, as nchan is."""
    root = _installed(
        "packages",
        ["apt-get", "download", "-q", *DEBIAN_PACKAGES],
        ["sh", "-c", "for package in *.deb; do dpkg -x $package .; done"],
        # nchan insists on a built-in folder that its package makes: the one of -p instead, in as many letters.
        ["sed", "-i", "s#/var/lib/nginx/#./././././././/#g", "usr/lib/nginx/modules/ngx_nchan_module.so"],
        cwd=BUILD / "nginx",
    )
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="hub-nchan-") as folder:
        config = Path(folder) / "nginx.conf"
        template = (HERE / "peers" / "nchan.conf").read_text()
        module = next(root.glob("usr/lib/nginx/modules/ngx_nchan_module.so"))
        redis = "nchan_redis_pass redis;" if over_redis else ""
        words = {"MODULE": str(module), "PORT": str(port), "REDIS": places.redis_url, "PASS": redis, "FOLDER": folder}
        for word, value in words.items():
            template = template.replace(f"@{word}@", value)
        config.write_text(template)
        [library] = root.glob("usr/lib/*/libhiredis.so.0.14")
        env = environment(LD_LIBRARY_PATH=str(library.parent))
        argv = [str(root / "usr/sbin/nginx"), "-p", folder, "-c", str(config), "-e", f"{folder}/error.log"]
        with process(argv, core=SERVER_CORE, env=env) as child:
            wait_listening(port, child)
            publish: Publish = http_publisher(port, "/pub")
            workers = tuple(one.pid for one in psutil.Process(child.pid).children())
            mode = "redis" if over_redis else "memory"
            yield Target(f"nchan ({mode})", port, workers, publish, "/sub")


PEERS: dict[str, Callable[[Places], AbstractContextManager[Target]]] = {
    "nchan": lambda places: nchan(places, over_redis=False),
    "nchan-redis": lambda places: nchan(places, over_redis=True),
    "node": node,
    "socketio": socketio,
    "broadcaster": broadcaster,
}
