"""A real corpus at hand: modules, classes and functions of the Python that runs this, and of its installed packages.

Files are parsed, never imported. The same installation gives the same documents in the same order; they are kept compressed in
the cache folder under a fingerprint of the files, so that only the first run parses.
"""

import ast
import hashlib
import sys
import sysconfig
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

SOURCE_BYTES_MAX = 16 << 20  # parsed in all: some seconds on two cores
FILE_BYTES_MAX = 400_000  # longer files are tables, not prose
TEXT_CHARACTERS_MAX = 6_000  # of one document's source
SKIPPED = frozenset(
    {"test", "tests", "testing", "_vendor", "idlelib", "lib2to3", "turtledemo", "__pycache__", "site-packages"}
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_KEYWORD: Mapping[str, Any] = {"type": "keyword"}
_TEXT: Mapping[str, Any] = {"type": "text"}
MAPPING: Mapping[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": _KEYWORD,
        "name": {"type": "text", "fields": {"raw": _KEYWORD}},
        "kind": _KEYWORD,
        "package": _KEYWORD,
        "module": _KEYWORD,
        "signature": _TEXT,
        "docstring": _TEXT,
        "source": _TEXT,
        "file": _KEYWORD,
        "line": {"type": "integer"},
        "lines": {"type": "integer"},
        "size": {"type": "integer"},
    },
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: where it is, and what it is called from outside."""

    path: Path
    module: str

    @property
    def shown(self) -> str:
        """The path as documents show it: without the folders above the package."""
        return "/".join([*self.module.split(".")[:-1], self.path.name])


def source_files(roots: Sequence[Path]) -> list[SourceFile]:
    """The files to be parsed, in order: root by root, name by name, as far as the budget goes."""
    found: list[SourceFile] = []
    budget = SOURCE_BYTES_MAX
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            size = path.stat().st_size
            if SKIPPED & set(parts) or not all(p.isidentifier() for p in parts) or not 0 < size <= FILE_BYTES_MAX:
                continue
            budget -= size
            if budget < 0:
                return found
            module = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
            found.append(SourceFile(path, module))
    return found


def default_roots() -> list[Path]:
    """The standard library, then what is installed beside it."""
    paths = sysconfig.get_paths()
    return list(dict.fromkeys(Path(paths[k]) for k in ("stdlib", "purelib", "platlib")))


def documents_of(file: SourceFile) -> list[dict[str, Any]]:
    """The module and every class and function in it; nothing for a file that is not valid Python."""
    try:
        with tokenize.open(file.path) as opened:
            text = opened.read()
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, OSError):
        return []
    lines = text.splitlines(keepends=True)
    seen: dict[str, int] = {}
    whole = {"name": file.module, "kind": "module", "signature": "", "line": 1, "lines": len(lines)}
    found = [_document(file, whole, ast.get_docstring(tree), text, seen)]
    for name, node, kind in _definitions(tree, file.module, inside_class=False):
        end = node.end_lineno or node.lineno
        own = {
            "name": name,
            "kind": kind,
            "signature": _signature(node, lines),
            "line": node.lineno,
            "lines": end - node.lineno + 1,
        }
        source = "".join(lines[node.lineno - 1 : end])
        found.append(_document(file, own, ast.get_docstring(node), source, seen))
    return found


Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _definitions(node: ast.AST, prefix: str, *, inside_class: bool) -> Iterator[tuple[str, Definition, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            name = f"{prefix}.{child.name}"
            yield name, child, "class"
            yield from _definitions(child, name, inside_class=True)
        elif isinstance(child, _FUNCTIONS):
            yield f"{prefix}.{child.name}", child, "method" if inside_class else "function"
        elif isinstance(child, ast.If | ast.Try):  # definitions that depend on the platform
            yield from _definitions(child, prefix, inside_class=inside_class)


def _signature(node: Definition, lines: Sequence[str]) -> str:
    """The header as it is written, on one line; `ast.unparse` would take longer than all the rest."""
    first = node.body[0]
    decorators = getattr(first, "decorator_list", None)
    end = decorators[0].lineno if decorators else first.lineno
    if end == node.lineno:
        header = lines[end - 1].encode()[node.col_offset : first.col_offset].decode("utf-8", "replace")
    else:
        header = "".join(lines[node.lineno - 1 : end - 1])
    kept = (line.partition("  #")[0] for line in header.splitlines())
    return " ".join(" ".join(kept).split()).rstrip(": ")


def _document(
    file: SourceFile, own: dict[str, Any], docstring: str | None, source: str, seen: dict[str, int]
) -> dict[str, Any]:
    name = own["name"]
    seen[name] = seen.get(name, 0) + 1
    return {
        "id": name if seen[name] == 1 else f"{name}#{seen[name]}",
        **own,
        "package": file.module.partition(".")[0],
        "module": file.module,
        "docstring": docstring or "",
        "source": source[:TEXT_CHARACTERS_MAX],
        "file": file.shown,
        "size": len(source),
    }


def _encode(files: Sequence[SourceFile]) -> bytes:
    """The documents of some files as NDJSON; a lone surrogate, which UTF-8 does not have, becomes a question mark."""
    lines: list[bytes] = []
    for file in files:
        for document in documents_of(file):
            try:
                lines.append(orjson.dumps(document))
            except TypeError:
                clean = {
                    k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for k, v in document.items()
                }
                lines.append(orjson.dumps(clean))
    return b"".join(line + b"\n" for line in lines)


def fingerprint(files: Sequence[SourceFile]) -> str:
    """Changes when a file does."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(f"{TEXT_CHARACTERS_MAX} 1".encode())  # the form of the documents
    for file in files:
        status = file.path.stat()
        digest.update(f"{file.path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def corpus_file(cache: Path, roots: Sequence[Path] | None = None, *, processes: int = 1) -> Path:
    """The corpus as ``.ndjson.zst`` in the cache folder, made where it is missing or the installation has changed."""
    files = source_files(default_roots() if roots is None else roots)
    path = cache / f"corpus-{fingerprint(files)}.ndjson.zst"
    if path.exists():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    parts = [files[i : i + 50] for i in range(0, len(files), 50)]
    partial = path.with_suffix(".partial")
    with zstandard.open(partial, "wb") as out, ProcessPoolExecutor(processes) as pool:
        for data in pool.map(_encode, parts):
            out.write(data)
    partial.replace(path)
    for old in cache.glob("corpus-*.ndjson.zst"):
        if old != path:
            old.unlink(missing_ok=True)
    return path
