"""Packages of npm that tests run as they are, installed on first use under `.build/`."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / ".build"


def node_modules(name: str, packages: Sequence[str]) -> Path:
    """Where exactly these `packages` lie (`.build/<name>/node_modules`); skips the test where there is no npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("this needs node and npm: .ci/install-tools.sh installs them")
    folder = BUILD / name
    marker = folder / ("-".join(packages).replace("@", "_").replace("/", "_") + ".ok")
    if not marker.exists():
        folder.mkdir(parents=True, exist_ok=True)
        options = (
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
            "--fetch-timeout=30000",
        )
        install = ["npm", "install", "--prefix", str(folder), *options, *packages]
        done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"npm could not install {', '.join(packages)}: {done.stderr.strip()[-300:]}"
        marker.touch()
    return folder / "node_modules"
