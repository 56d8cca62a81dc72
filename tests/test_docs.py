"""The documents are tested: the reference is what the code holds, links lead somewhere, every package has its section."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import generate

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "pipeline", "query_api")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "changes").glob("*.md")])
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
IMAGE_SUFFIXES = {".svg", ".png"}  # drawn by a benchmark, not kept where nobody ran it


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def reference(name: str) -> str:
    return (generate.REFERENCE / name).read_text()


def undocumented(page: str, names: list[str]) -> list[str]:
    text = reference(page)
    return [name for name in names if f"`{name}`" not in text]


def anchors(path: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def prose(path: Path) -> str:
    """A page without its indented and fenced examples and its comments."""
    text = re.sub(r"```.*?```|<!--.*?-->", "", path.read_text(), flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if not line.startswith("    "))


@pytest.mark.parametrize("page", sorted(generate.PAGES))
def test_reference_page_is_what_the_code_holds(page: str) -> None:
    """A reference page is byte for byte what docs/generate.py makes of the tables in the code."""
    assert reference(page) == generate.PAGES[page](), f"docs/reference/{page} is out of date: run `make docs`"


WRITTEN_BY_HAND = {"analysis.md"}  # pages of the reference that no table in the code could give


def test_no_page_of_the_reference_is_left_over() -> None:
    """What lies in docs/reference is generated, all of it."""
    assert {p.name for p in generate.REFERENCE.iterdir()} - WRITTEN_BY_HAND == set(generate.PAGES)


def test_every_setting_is_documented() -> None:
    """Each setting stands in the reference under each of its three names, and says what it is for."""
    from schemas.settings import setting_names

    names = [n for one in setting_names() for n in (one.path, one.variable, one.flag)]
    assert undocumented("settings.md", names) == []
    assert [one.path for one in setting_names() if not one.doc] == []


def test_every_metric_and_span_is_documented() -> None:
    """Each name that can be measured stands in the reference, with a meaning."""
    from pipeline.telemetry.names import METRICS, SPANS

    assert undocumented("metrics.md", [one.name for one in (*METRICS, *SPANS)]) == []
    assert [one.name for one in (*METRICS, *SPANS) if not one.meaning] == []


def test_every_route_is_documented() -> None:
    """Each path that is answered stands in the reference with its methods, and says what it does."""
    from query_api.app import routes

    text = reference("routes.md")
    assert [r.template for r in routes() if f"| `{' '.join(r.methods)}` | `{r.template}` |" not in text] == []
    assert [r.template for r in routes() if not r.summary] == []


def test_every_error_kind_and_header_is_documented() -> None:
    """Each error kind, each header of a record and each outcome of a write stands in the reference."""
    from schemas import events
    from schemas.errors import ErrorKind
    from schemas.outcomes import Result

    assert undocumented("errors.md", [kind.name for kind in ErrorKind]) == []
    assert undocumented("wire.md", generate.header_names(events)) == []
    assert undocumented("wire.md", [result.name for result in Result]) == []


def test_every_command_is_documented() -> None:
    """Each command of `sediment` has its section in the reference."""
    from query_api.cli.main import COMMANDS

    text = reference("cli.md")
    assert [c.name for c in COMMANDS if f"\n## sediment {c.name}\n" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link leads to a file of the project, and to a heading of it where it names one."""
    broken = []
    for pair in LINK.findall(prose(page)):
        target, _, anchor = (pair[0] or pair[1]).partition("#")
        if "://" in target or Path(target).suffix in IMAGE_SUFFIXES:
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(pair[0] or pair[1])
    assert broken == []


def packages() -> Iterator[str]:
    """Every package that has a module of its own or a subpackage; those that are only named need no section."""
    for init in (p for name in PACKAGES for p in (ROOT / name).rglob("__init__.py")):
        if len(list(init.parent.glob("*.py"))) > 1 or list(init.parent.glob("*/__init__.py")):
            yield relative(init.parent)


def sections() -> set[str]:
    """The folders that ARCHITECTURE.md has a section for."""
    return set(re.findall(r"^## `([\w/]+)`$", ARCHITECTURE.read_text(), re.MULTILINE))


def test_architecture_names_folders_that_exist() -> None:
    """A section of ARCHITECTURE.md is about a folder that is there."""
    assert [name for name in sorted(sections()) if not (ROOT / name).is_dir()] == []


def test_every_package_has_a_section() -> None:
    """Every package with code in it has a section in ARCHITECTURE.md."""
    assert sorted(set(packages()) - sections()) == []


def test_architecture_names_modules_that_exist() -> None:
    """What a section calls a module or a package of its folder is one: names in backticks before a bracket or a comma that end in no call."""
    text = ARCHITECTURE.read_text()
    known = {p.stem for name in PACKAGES for p in (ROOT / name).rglob("*.py")}
    known |= {p.parent.name for name in PACKAGES for p in (ROOT / name).rglob("__init__.py")}
    dotted = re.findall(r"`((?:schemas|pipeline|query_api|materialise|segments|search|log|elastic)[./][\w./]+)`", text)
    missing = [name for name in dotted if re.split(r"[./]", name)[-1] not in known]
    assert missing == []


def test_every_decision_is_listed() -> None:
    """A decision record stands in the index, numbered without gaps, with the parts that the template asks for."""
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [p.name[:4] for p in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    index = (ROOT / "docs" / "index.md").read_text()
    assert [p.name for p in records if f"decisions/{p.name}" not in index] == []
    for path in records:
        text = path.read_text()
        assert all(
            f"**{part}" in text for part in ("Problem", "Success criteria", "Out of scope", "Decision", "Alternatives")
        )
