"""Programs written for Statuspage work on a page of ours as they are: nothing of them is changed.

A page is found at the root of its own host name (here `localhost`, while the hub is `127.0.0.1`), or under its path.
"""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from playwright.async_api import Page
from sqlalchemy import update

from hub.services.database import Sessions
from models import Page as PageRow
from tests.support.api import data_of
from tests.support.hub import ROOT, HubProcess
from tests.support.npm import node_modules

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "status_clients"
PAGE = "/api/v1/pages/acme"
NPM = ("statuspage.io@3.3.8", "@statuspage/status-widget@1.0.5")
SUMMARY = ("page", "components", "incidents", "scheduled_maintenances", "status")


@dataclass
class Site:
    """A page in trouble. `root`: its own host; `path`: beneath the hub's address."""

    hub: HubProcess
    root: str
    path: str
    operator: httpx2.AsyncClient
    other: str  # a component that nothing holds


@pytest.fixture
async def site(hub: HubProcess, sessions: Sessions) -> AsyncIterator[Site]:
    async with await hub.admin_client() as operator:
        body = {"slug": "acme", "title": "Acme", "time_zone": "America/Los_Angeles"}
        data_of(await operator.post("/api/v1/pages", json=body), 201)
        async with sessions.begin() as session:  # a name without a dot is nothing to own, but resolves everywhere
            await session.execute(update(PageRow).values(custom_domain="localhost"))
        group = data_of(await operator.post(f"{PAGE}/groups", json={"name": "Core"}), 201)
        body = {"name": "API", "group_id": group["id"]}
        component = data_of(await operator.post(f"{PAGE}/components", json=body), 201)
        other = data_of(await operator.post(f"{PAGE}/components", json={"name": "Web"}), 201)
        words = {component["id"]: "partial_outage"}
        body = {"name": "Slow <answers> & 🔥", "status": "identified", "body": "A full disk.", "components": words}
        data_of(await operator.post(f"{PAGE}/incidents", json=body), 201)
        window = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
        body = {"name": "Move", "body": "Soon.", **window, "components": [component["id"]]}
        data_of(await operator.post(f"{PAGE}/maintenances", json=body), 201)
        yield Site(hub, f"http://localhost:{hub.port}", f"{hub.base_url}/p/acme", operator, other["id"])


def environment(name: str) -> Path:
    """The packages of `status_clients/<name>.txt`, installed by their hashes on first use."""
    pins = HERE / f"{name}.txt"
    folder = ROOT / ".build" / "status-clients" / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:16]}"
    if not (folder / "complete").exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        install += ["--require-hashes", "--requirement", str(pins), "--target", str(folder)]
        done = subprocess.run(install, check=False, capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"{name} could not be installed:\n{done.stderr}"
        (folder / "complete").touch()
    return folder


async def run(name: str, program: str, *args: str, cwd: Path, **env: str) -> str:
    """What `program` prints, with the packages of one client and no others."""
    folder = await asyncio.to_thread(environment, name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", program, *args, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "HOME": str(cwd), "PYTHONPATH": str(folder), "NO_PROXY": "*", **env},
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-2000:]
    return output.decode()


async def test_discordstatus_reads_all_eight(site: Site, tmp_path: Path) -> None:
    program = """
import json, sys
from discordstatus import DiscordStatus
client = DiscordStatus()
client.base_target = sys.argv[1]
names = ["summary", "status", "components", "unresolved_incidents", "all_incidents"]
names += ["upcoming_maintenances", "active_maintenances", "all_maintenances"]
print(json.dumps({name: getattr(client, name) for name in names}))
"""
    for address in (site.root, site.path):
        found: dict[str, Any] = json.loads(await run("exporter", program, f"{address}/api/v2", cwd=tmp_path))
        assert tuple(found["summary"]) == SUMMARY
        assert found["summary"]["page"]["url"] == address
        assert found["summary"]["incidents"] == found["unresolved_incidents"]["incidents"]
        assert [item["name"] for item in found["upcoming_maintenances"]["scheduled_maintenances"]] == ["Move"]
        assert found["active_maintenances"]["scheduled_maintenances"] == []


async def test_statuscheck_knows_every_word(site: Site, tmp_path: Path) -> None:
    """It maps each status by a table and fails at a word that is not in it."""
    program = """
import sys
from statuscheck.services.bases._statuspageio import BaseStatusPageAPI

class ServiceAPI(BaseStatusPageAPI):
    name, status_url, service_url = "Acme", sys.argv[1], sys.argv[1]

    def _get_base_url(self):
        return sys.argv[1] + "/api/v2/"

summary = ServiceAPI().get_summary()
print(summary.status.code, summary.status.name)
print(sorted((one.name, one.status) for one in summary.components))
print([(one.name, one.status, [part.name for part in one.components]) for one in summary.incidents])
"""
    statuses = ("operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance")
    told = [await run("statuscheck", program, site.root, cwd=tmp_path)]
    assert told[0].startswith("minor ")
    assert "('Move', 'scheduled', ['API'])" in told[0]
    for status in statuses:
        data_of(await site.operator.patch(f"{PAGE}/components/{site.other}", json={"status": status}))
        told.append(await run("statuscheck", program, site.root, cwd=tmp_path))
    assert len(set(told)) == len(statuses)


async def test_the_prometheus_exporter_measures_the_page(site: Site, tmp_path: Path) -> None:
    services = tmp_path / "services.json"
    services.write_text(json.dumps({"acme": {"url": f"{site.root}/api/v2/summary.json", "name": "Acme"}}))
    await run(
        "exporter",
        "from statuspage_prometheus_exporter.status_monitoring import main; main()",
        cwd=tmp_path,
        RUN_MODE="once",
        SERVICES_JSON_PATH=str(services),
        METRICS_TEXTFILE_PATH=str(tmp_path / "acme.prom"),
    )
    lines = (tmp_path / "acme.prom").read_text().splitlines()
    told = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    assert any(name.startswith("statuspage_probe_check{") and value == 1 for name, value in told.items())
    incidents = [name for name in told if name.startswith("statuspage_incident_info{")]
    assert any("Slow <answers> & 🔥" in name and f"{site.root}/incidents/" in name for name in incidents), incidents
    assert any('component_name="API"' in name for name in told if name.startswith("statuspage_component_status{"))
    assert any("Move" in name for name in told if name.startswith("statuspage_maintenance_info{"))


async def test_the_npm_client_reads_what_it_asks_for(site: Site) -> None:
    modules = await asyncio.to_thread(node_modules, "status-clients-npm", NPM)
    for address in (site.root, site.path):
        process = await asyncio.create_subprocess_exec(
            "node", str(HERE / "driver.mjs"), str(modules), address, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, errors.decode()[-2000:]
        found = json.loads(output)
        assert tuple(found["summary"]) == SUMMARY
        assert found["status"]["status"] == found["summary"]["status"]
        assert found["components"]["components"] == found["summary"]["components"]
        assert found["unresolved"]["incidents"] == found["summary"]["incidents"]
        assert len(found["incidents"]["incidents"]) == 1


async def test_the_widget_shows_the_page_on_another_site(site: Site, browser_page: Page, tmp_path: Path) -> None:
    """In a real browser, on a page of another origin: what it may read there is for everybody."""
    modules = await asyncio.to_thread(node_modules, "status-clients-npm", NPM)
    shutil.copy(modules / "@statuspage" / "status-widget" / "dist" / "index.js", tmp_path / "widget.js")
    widget = f'<statuspage-widget src="{site.root}"></statuspage-widget>'
    (tmp_path / "index.html").write_text(f'<!doctype html>{widget}<script src="widget.js"></script>')
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path))) as elsewhere:
        thread = Thread(target=elsewhere.serve_forever)
        thread.start()
        try:
            await browser_page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
            await browser_page.locator("statuspage-widget").get_by_text("Minor Service Outage").wait_for()
        finally:
            elsewhere.shutdown()
            thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are nobody's news."""
