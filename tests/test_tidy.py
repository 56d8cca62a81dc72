"""The code's own shape, checked as a test: sizes, docstrings, package maps."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "pipeline", "query_api")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
MODULES_PER_PACKAGE_MAX = 12
BANNED = ("FIXME", "TODO", "breakpoint(", "# type: ignore\n")
# Files that want to be long, with the reason. The list may only shrink.
LONG_FILES: dict[str, str] = {}
# Functions that want to be long: `<module>.py:<function>` with the reason. The list may only shrink.
LONG_FUNCTIONS: dict[str, str] = {}
# In these files functions may be long: a call in a numba kernel is either inlined, which multiplies
# compile time, or a real call in a loop over bytes; each kernel has a slow, obvious twin in its test.
KERNEL_SUFFIX = "_kernels.py"


def sources() -> list[Path]:
    return sorted(p for name in PACKAGES for p in (ROOT / name).rglob("*.py"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
    length = (node.end_lineno or 0) - node.lineno + 1
    return length - ((docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0)


def may_be_long(path: Path, function: str) -> bool:
    return path.name.endswith(KERNEL_SUFFIX) or f"{path.name}:{function}" in LONG_FUNCTIONS


@pytest.mark.parametrize("path", sources(), ids=relative)
def test_file_is_tidy(path: Path) -> None:
    """Every file: a docstring that says why it exists, a bounded size, bounded functions."""
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says in its first line what it is for"
    assert text.count("\n") <= FILE_LINES_MAX or relative(path) in LONG_FILES
    long = [
        f"{f.name}:{f.lineno}"
        for f in functions(tree)
        if code_lines(f) > FUNCTION_LINES_MAX and not may_be_long(path, f.name)
    ]
    assert not long, f"functions over {FUNCTION_LINES_MAX} lines: {long}"
    assert not [word for word in BANNED if word in text]


@pytest.mark.parametrize("package", sorted({p.parent for p in sources()}), ids=relative)
def test_package_fits_in_the_head(package: Path) -> None:
    """At most twelve modules, each named in the package's docstring, in reading order."""
    modules = {p.stem for p in package.glob("*.py")} - {"__init__", "__main__"}
    assert len(modules) <= MODULES_PER_PACKAGE_MAX
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    assert not [m for m in modules if f"``{m}``" not in docstring]
