"""The profiles that `make sdk-profile` serves: the Python SDK's own suite passes, and `js` is open to anybody.

The suite comes with the SDK's source distribution, which is downloaded once and used as it is. It waits on futures
without an end, hence the time limit around it.
"""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from signal import SIGINT

import httpx2
import psutil
import pytest

from hub.protocol.codes import ErrorCode
from tests.support.client_tokens import client_token
from tests.support.hub import ROOT
from tests.support.json_client import json_client
from tests.support.profile import API_KEY, BASE_URL, WS_URL, sdk_profile
from tests.support.waiting import wait_until, wait_until_blocking

# They wait for each other: there is one port 8000.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

PINNED = ROOT / "tests" / "contract" / "sdk-suite.txt"
CACHE = ROOT / ".build" / "sdk-suite"
TESTS = 62
SUITE_LIMIT_S = 240


@pytest.fixture(scope="module")
def suite() -> Path:
    """The unpacked source distribution. Each hash has a folder of its own, so that a changed pin is noticed."""
    pin = re.search(r"sha256:([0-9a-f]{64})", PINNED.read_text())
    assert pin is not None
    folder = CACHE / pin[1][:16]
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        done = subprocess.run(
            [*download, "--require-hashes", "--requirement", str(PINNED), "--dest", str(folder)],
            check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"the suite could not be downloaded:\n{done.stderr}"
        [archive] = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            # Pythons before 3.11.4 know no filters; what is unpacked is known by its hash.
            packed.extraction_filter = getattr(tarfile, "data_filter", None)
            packed.extractall(folder)  # noqa: S202
        (folder / "complete").touch()
    [unpacked] = [path for path in folder.iterdir() if path.is_dir()]
    return unpacked


def test_the_python_sdks_own_suite_passes(suite: Path, tmp_path: Path) -> None:
    """In JSON and in protobuf, which each of its tests against a server goes through."""
    with sdk_profile("py", tmp_path / "hub.log"):
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(tmp_path)}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "unittest", "-v", "tests.test_client"],
                check=False, cwd=suite, env=environment, timeout=SUITE_LIMIT_S,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            running = re.findall(r"^(test_\w+ .*?) \.\.\.", said, re.MULTILINE)[-1:]
            pytest.fail(f"the suite did not end within {SUITE_LIMIT_S} s; it was at {running}:\n{said[-6000:]}")
    failed = re.findall(r"^(?:FAIL|ERROR): .*$", done.stdout, re.MULTILINE)
    assert not failed, "\n".join([*failed, done.stdout[-6000:]])
    assert done.returncode == 0, done.stdout[-6000:]
    assert re.search(rf"^Ran {TESTS} tests in .*\n\nOK$", done.stdout, re.MULTILINE), done.stdout[-2000:]


async def test_anybody_may_do_everything_in_the_js_profile(tmp_path: Path) -> None:
    with sdk_profile("js", tmp_path / "hub.log"):
        async with json_client(WS_URL) as nobody, json_client(WS_URL) as named, httpx2.AsyncClient() as back_end:
            client = (await nobody.connect())["client"]
            await named.connect(client_token())  # without `sub`
            for channel in ("channel", "recovery:a", "delta:a", "smallhistory:a"):
                joined = await nobody.subscribe(channel)
                assert joined["recoverable"]
                assert joined["positioned"]
                assert "publish" in await named.call(publish={"channel": channel, "data": {"n": 1}})
                await wait_until(lambda channel=channel: nobody.pushed(channel, "pub"))
                read = await named.call(history={"channel": channel, "limit": 10})
                assert [one["data"] for one in read["history"]["publications"]] == [{"n": 1}]
            assert client in (await named.call(presence={"channel": "channel"}))["presence"]["presence"]
            assert (await nobody.subscribe("delta:b", delta="fossil"))["delta"]
            assert (await nobody.call(subscribe={"channel": "unknown:a"}))["error"]["code"] == 102
            assert (await nobody.call(rpc={"method": "x", "data": {}}))["error"]["code"] == ErrorCode.NOT_AVAILABLE
            answer = await back_end.post(
                f"{BASE_URL}/api/publish",
                headers={"X-API-Key": API_KEY},
                json={"channel": "channel", "data": {"from": "api"}},
            )
            assert answer.json()["result"]["offset"] == 2
        async with json_client(WS_URL) as forger:
            with pytest.raises(ConnectionError, match="3500"):
                await forger.connect(client_token("another secret"))


def test_a_profile_starts_fresh_each_time_and_leaves_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with sdk_profile("js", tmp_path / "hub.log") as process:
            family = psutil.Process(process.pid).children(recursive=True)
            log = (tmp_path / "hub.log").read_text()
            [directory] = set(re.findall(r'Unix socket "(\S+?)/run/', log))
            told = httpx2.post(
                f"{BASE_URL}/api/publish",
                headers={"X-API-Key": API_KEY},
                json={"channel": "channel", "data": 1},
                trust_env=False,
            )
            assert told.json()["result"]["offset"] == 1
            process.send_signal(SIGINT)
            wait_until_blocking(lambda process=process: process.poll() is not None, within_s=40)
            assert process.returncode == 0
        assert not Path(directory).exists()
        wait_until_blocking(lambda family=family: not any(one.is_running() for one in family), within_s=10)
