"""Where compiled kernels are kept, so that no edit is ever missed and nothing is compiled twice.

Numba keeps a compiled function beside a hash of the one source file the function stands in. It does
not see an edit in a helper or a constant of another module that was compiled *into* the function, and
would go on running the old code. So each kernel module has a folder of its own, named by a hash of
everything its machine code is made from:

    base / <module>-<hash of: the module's source and, transitively, every module of ours it imports;
                     versions of numba and llvmlite; name and features of the CPU>

An edit in one kernel module leaves the compiled code of those that do not import it in place. The folder's name says all: where the
sources lie does not matter, so that checkouts and installations of one version share what one of them has compiled.
"""

import fcntl
import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import llvmlite
import numba
from llvmlite import binding
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from typing_extensions import override

ROOT = Path(__file__).resolve().parents[2]
OURS = ("schemas", "pipeline", "query_api", "tests")
PACKAGES: Final = ("schemas", "pipeline", "query_api")  # what is installed
NOT_COMPILED: Final = frozenset({__name__})  # imported by every kernel module, and in no machine code
LOCK: Final = ".lock"
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


class KernelLocator(_CacheLocator):  # type: ignore[misc]  # numba is untyped
    """Tells numba the folder of a kernel."""

    def __init__(self, path: str, line: int) -> None:
        self._path = path
        self._line = line

    @classmethod
    @override
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "KernelLocator":
        """The place of a kernel."""
        return cls(kept_in(py_func.__module__), py_func.__code__.co_firstlineno)

    @override
    def get_cache_path(self) -> str:
        """The folder."""
        return self._path

    @override
    def get_source_stamp(self) -> str:
        """The folder's name says what is in it."""
        return ""

    @override
    def get_disambiguator(self) -> str:
        """Functions of one name in one module."""
        return str(self._line)


class _Located(CompileResultCacheImpl):  # type: ignore[misc]  # numba is untyped
    _locator_classes = (KernelLocator,)


class KernelCache(FunctionCache):  # type: ignore[misc]  # numba is untyped
    """What numba keeps of one kernel. Where nothing can be written, what is there is used, and nothing is added."""

    _impl_class = _Located

    @override
    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, one process at a time: numba reads its index, takes the next number for a file, and writes
        both; of two at once one would leave its machine code under the other's signature.
        """
        with suppress(OSError), _alone(Path(self.cache_path)):
            super().save_overload(sig, data)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, against other processes and threads. Raises OSError where nothing can be written."""
    with (folder / LOCK).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


class Sources:
    """The sources of our modules, each read once."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[bytes, tuple[str, ...]] | None] = {}

    def closure(self, module: str) -> dict[str, bytes]:
        """The sources of a module and of all modules of ours that it imports, directly or not."""
        sources: dict[str, bytes] = {}
        queue = [module]
        while queue:
            name = queue.pop()
            if name in sources or name in NOT_COMPILED:
                continue
            found = self._read(name)
            if found is not None:
                sources[name], names = found
                queue.extend(names)
        return sources

    def folder_of(self, module: str) -> str:
        """The folder under the cache's base for the kernels of one module."""
        digest = hashlib.sha256(machine().encode())
        for name, source in sorted(self.closure(module).items()):
            digest.update(f"\0{name}\0".encode())
            digest.update(source)
        return f"{module.rsplit('.', 1)[-1]}-{digest.hexdigest()[:16]}"

    def _read(self, module: str) -> tuple[bytes, tuple[str, ...]] | None:
        if module not in self._found:
            path = source_of(module)
            source = None if path is None else path.read_bytes()
            self._found[module] = None if source is None else (source, imported(source))
        return self._found[module]


SOURCES: Final = Sources()


@cache  # once a module, not once a kernel: a start declares more than two hundred
def kept_in(module: str) -> str:
    """The folder of a module's kernels in this process, made where it is not there and can be."""
    path = Path(numba.config.CACHE_DIR) / SOURCES.folder_of(module)
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    return str(path)


def release(also: Iterable[str]) -> str:
    """A name that changes when any kernel is to be compiled anew, or one of the modules ``also``, which say what is compiled ahead."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*_kernels.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        digest.update(SOURCES.folder_of(module).encode())
    for module in also:
        found = source_of(module)
        digest.update(b"" if found is None else found.read_bytes())
    return digest.hexdigest()[:16]


@cache
def machine() -> str:
    """What else than our sources decides on the machine code."""
    features = binding.get_host_cpu_features().flatten()
    versions = f"{numba.__version__} {llvmlite.__version__}"
    return f"{versions} {binding.get_host_cpu_name()} {features}"


def source_of(module: str) -> Path | None:
    """The file of a module of ours, None for anything else."""
    if module.partition(".")[0] not in OURS:
        return None
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


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
