"""Where compiled kernels are kept, so that no edit is ever missed.

Numba keeps a compiled function beside a stamp of the one source file the function stands in. It does
not see an edit in a helper or a constant of another module that was compiled *into* the function, and
would go on running the old code. So each kernel module has a folder of its own, named by a hash of
everything its machine code is made from:

    base / <module>-<hash of: the module's source and, transitively, every module of ours it imports;
                     versions of numba and llvmlite; name and features of the CPU>

An edit in one kernel module leaves the compiled code of those that do not import it in place.
"""

import hashlib
import re
import sys
from functools import cache
from pathlib import Path

import llvmlite
import numba
from llvmlite import binding

ROOT = Path(__file__).resolve().parents[2]
OURS = ("schemas", "pipeline", "query_api", "tests")
COMMENT = re.compile(rb"#[^\n]*")
FROM_IMPORT = re.compile(r"^[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)
PLAIN_IMPORT = re.compile(r"^[ \t]*import[ \t]+([^\n]*)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z_][\w.]*")


def default_base() -> Path:
    """In a checkout `build/kernels`, otherwise in the user's cache."""
    if (ROOT / "pyproject.toml").exists():
        return ROOT / "build" / "kernels"
    return Path.home() / ".cache" / "sediment" / "kernels"


def use_cache(base: Path) -> Path:
    """Keep compiled kernels under `base`, from now on in this process.

    Call it in a composition root before any `*_kernels` module is imported: a kernel learns its folder
    when it is declared. Without this call kernels are compiled anew in every process.
    """
    wanted = str(base.resolve())
    late = sorted(name for name in sys.modules if name.endswith("_kernels"))
    if late and wanted != numba.config.CACHE_DIR:
        raise RuntimeError(f"call use_cache before importing kernels, already imported: {late}")
    base.mkdir(parents=True, exist_ok=True)
    numba.config.CACHE_DIR = wanted
    return base.resolve()


def folder_of(module: str) -> str:
    """The folder under the cache's base for the kernels of one module."""
    digest = hashlib.sha256(machine().encode())
    for name, source in sorted(closure(module).items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(source)
    return f"{module.rsplit('.', 1)[-1]}-{digest.hexdigest()[:16]}"


@cache
def machine() -> str:
    """What else than our sources decides on the machine code."""
    features = binding.get_host_cpu_features().flatten()
    versions = f"{numba.__version__} {llvmlite.__version__}"
    return f"{versions} {binding.get_host_cpu_name()} {features}"


def digest_of_all() -> str:
    """A name for all kernels as they are now: it changes whenever the folder of one of them does, or what is compiled ahead."""
    package = ROOT / "pipeline"
    files = [*package.rglob("*_kernels.py"), package / "kernels" / "warm.py"]
    modules = [".".join(one.relative_to(ROOT).with_suffix("").parts) for one in files]
    digest = hashlib.sha256(f"{machine()} {sys.version}".encode())
    for name, source in sorted(closure(*modules).items()):
        digest.update(f"\0{name}\0".encode())
        digest.update(source)
    return digest.hexdigest()[:16]


def closure(*modules: str) -> dict[str, bytes]:
    """The sources of some modules and of all modules of ours that they import, directly or not."""
    sources: dict[str, bytes] = {}
    queue = list(modules)
    while queue:
        name = queue.pop()
        path = source_of(name)
        if name in sources or path is None:
            continue
        sources[name] = path.read_bytes()
        queue.extend(imported(sources[name]))
    return sources


def source_of(module: str) -> Path | None:
    """The file of a module of ours, None for anything else."""
    if module.partition(".")[0] not in OURS:
        return None
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@cache  # once a source, not once a kernel: a start declares some two hundred
def imported(source: bytes) -> tuple[str, ...]:
    """The names a source may import; `from a import b` counts as `a` and as `a.b`.

    Found by pattern, not by parsing, which would be half of a start's time. What only looks like an import, in a
    docstring, names one module too many: its edit compiles once too often, and nothing is missed.
    """
    text = COMMENT.sub(b"", source).decode()
    names: list[str] = []
    for module, members in FROM_IMPORT.findall(text):
        names.append(module)
        names.extend(f"{module}.{member}" for member in NAME.findall(members))
    for modules in PLAIN_IMPORT.findall(text):
        names.extend(NAME.findall(modules))
    return tuple(names)
