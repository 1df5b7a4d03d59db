"""Documents name what exists: files, tests, functions, links, anchors, settings, codes and routes."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

from hub.domain.event import EVENT_TYPES
from hub.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
FOLDERS = ("hub", "models", "tasks", "migrations", "client_demo", "tests", "benchmarks", "docs", "docker", "deploy")
SOURCES = [
    path for folder in ("hub", "models", "tasks", "migrations", "tests") for path in (ROOT / folder).rglob("*.py")
]

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
REFERENCE = re.compile(r"docs/[a-z/0-9-]+\.md(?:#[a-z0-9-]+)?")
DECISION = re.compile(r"(?:ADR|[Dd]ecision) (\d{4})")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def missing_target(document: Path, target: str) -> str | None:
    """What is wrong with a link, None when it leads somewhere."""
    if target.startswith(("http://", "https://", "mailto:")):
        return None
    name, _, anchor = target.partition("#")
    path = (document.parent / name).resolve() if name else document
    if not path.exists():
        return f"no such file: {target}"
    if anchor and anchor not in anchors(path):
        return f"no such heading: {target}"
    return None


def missing_path(code: str) -> str | None:
    """What is wrong with a path in backticks (`hub/x.py`, `tests/x.py::test_y`), None for what exists or is none."""
    name, _, test = code.partition("::")
    if not re.fullmatch(r"[\w./-]+", name) or name.split("/")[0] not in FOLDERS or "/" not in name:
        return None
    path = ROOT / name
    if not path.exists():
        return f"no such file: {code}"
    if test and test not in names_defined(path):
        return f"no such test: {code}"
    return None


def names_defined(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_paths_and_links_in_a_document_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text("utf-8"))
    problems = chain(
        (missing_target(document, target) for target in LINK.findall(text)),
        (missing_path(code) for code in CODE.findall(text)),
    )
    assert [problem for problem in problems if problem] == []


def test_what_the_code_says_of_documents_is_there() -> None:
    wrong: list[str] = []
    for path in SOURCES:
        text = path.read_text("utf-8")
        problems = (missing_target(ROOT / "x", reference) for reference in REFERENCE.findall(text))
        wrong += [f"{named(path)}: {problem}" for problem in problems if problem]
        unknown = (number for number in DECISION.findall(text) if not list(ROOT.glob(f"docs/decisions/{number}-*.md")))
        wrong += [f"{named(path)}: no decision {number}" for number in unknown]
    assert wrong == []


def test_every_decision_is_listed_under_its_own_title() -> None:
    listed = (ROOT / "docs/architecture.md").read_text("utf-8")
    for path in ROOT.glob("docs/decisions/*.md"):
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert f"[{title}](decisions/{path.name})" in listed
        assert title.startswith(f"{path.name[:4]}: ")


def test_every_package_has_its_place_in_the_architecture() -> None:
    described = (ROOT / "docs/architecture.md").read_text("utf-8")
    packages = [named(path.parent) for path in ROOT.glob("hub/*/__init__.py")]
    assert [name for name in packages if f"`{name}`" not in described and f"`{name}/`" not in described] == []


def test_every_setting_is_described_for_operators() -> None:
    described = (ROOT / "docs/operations.md").read_text("utf-8")
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in described] == []


def test_every_kind_of_event_is_described_for_clients() -> None:
    described = (ROOT / "docs/protocol.md").read_text("utf-8")
    kinds = {
        f"{kind}.{verb}"
        for kind, verbs in re.findall(r"`([a-z]+)\.([a-z_|]+)`", described)
        for verb in verbs.split("|")
    }
    assert EVENT_TYPES - kinds == set()
