"""Compiled kernels are found again, and never when any source they were made from has changed."""

import ast
import importlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from pipeline.kernels import cache


def test_closure_follows_imports_of_ours() -> None:
    """What a kernel module imports of ours, directly or not, decides on its folder."""
    found = cache.Sources().closure("pipeline.kernels.murmur2_kernels")
    assert {"pipeline.kernels.simd_kernels", "pipeline.kernels.compile"} <= found.keys()
    assert not [name for name in found if name.partition(".")[0] in {"numba", "numpy"}]


def test_every_import_of_a_real_source_is_found() -> None:
    """The pattern finds what Python's own parser finds, in each module and test of ours."""
    for root in ("schemas", "pipeline", "query_api", "tests"):
        for path in (cache.ROOT / root).rglob("*.py"):
            names: set[str] = set()
            for node in ast.walk(ast.parse(path.read_bytes())):
                if isinstance(node, ast.Import):
                    names.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
            assert names <= set(cache.imported(path.read_bytes())), path


def test_an_edit_in_a_helper_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trap of numba's own cache: a constant in another module is compiled into the kernel."""
    monkeypatch.setattr(cache, "ROOT", tmp_path)
    package = tmp_path / "pipeline"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a_kernels.py").write_text("from pipeline import helper\n")
    (package / "b_kernels.py").write_text("import numpy\n")
    helper = package / "helper.py"
    helper.write_text("K = 1\n")
    before = cache.Sources().folder_of("pipeline.a_kernels"), cache.Sources().folder_of("pipeline.b_kernels")
    assert before[0].startswith("a_kernels-")
    monkeypatch.setattr(cache, "SOURCES", cache.Sources())
    everything = cache.release([])
    assert cache.release([]) == everything
    helper.write_text("K = 2\n")
    monkeypatch.setattr(cache, "SOURCES", cache.Sources())
    assert cache.release([]) != everything
    after = cache.Sources().folder_of("pipeline.a_kernels"), cache.Sources().folder_of("pipeline.b_kernels")
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_use_cache_refuses_to_come_late(tmp_path: Path) -> None:
    """Kernels that are declared already would go to another folder."""
    importlib.import_module("pipeline.kernels.murmur2_kernels")
    with pytest.raises(RuntimeError, match="before importing kernels"):
        cache.use_cache(tmp_path)


def test_use_cache_twice_is_harmless() -> None:
    """The same base again, as a composition root inside a test does."""
    assert str(cache.use_cache(Path(numba.config.CACHE_DIR))) == numba.config.CACHE_DIR


def test_default_base_lies_in_the_checkout() -> None:
    """A checkout keeps its kernels to itself."""
    assert cache.default_base() == cache.ROOT / "build" / "kernels"


def test_two_that_compile_at_once_do_not_mix_up_their_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each keeps its signature's code in a file of its own, though both looked for a free name at the same time."""
    monkeypatch.setattr(cache, "kept_in", lambda _module: str(tmp_path))
    compiled = numba.njit(lambda one: one + 1)
    assert (compiled(1), compiled(1.5)) == (2, 2.5)
    met = threading.Barrier(2, timeout=1.0)
    load = IndexDataCacheFile._load_index

    def together(file: IndexDataCacheFile) -> object:
        found = load(file)
        with suppress(threading.BrokenBarrierError):
            met.wait()
        return found

    monkeypatch.setattr(IndexDataCacheFile, "_load_index", together)
    savers = [
        threading.Thread(target=cache.KernelCache(compiled.py_func).save_overload, args=(sig, done))
        for sig, done in compiled.overloads.items()
    ]
    for one in savers:
        one.start()
    for one in savers:
        one.join()
    (index,) = tmp_path.glob("*.nbi")
    with index.open("rb") as file:
        pickle.load(file)
        _, kept = pickle.loads(file.read())
    assert len(set(kept.values())) == len(compiled.overloads)
    for (sig, *_), name in kept.items():
        assert pickle.loads((tmp_path / name).read_bytes())[3].args == sig


SCRIPT = """
import sys, pathlib, numpy
from pipeline.kernels.cache import use_cache
use_cache(pathlib.Path(sys.argv[1]))
from pipeline.kernels.murmur2_kernels import murmur2
assert murmur2(numpy.frombuffer(b"abc", numpy.uint8).copy(), 0, 3) == 479470107
print(sum(murmur2.stats.cache_hits.values()), sum(murmur2.stats.cache_misses.values()))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    """What one process compiled the next one loads."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, cwd=cache.ROOT).stdout for _ in range(2)
    ]
    assert [run.split() for run in runs] == [["0", "1"], ["1", "0"]]


def test_another_place_of_the_same_sources_finds_what_is_compiled(tmp_path: Path) -> None:
    """A second checkout or installation of one version compiles nothing, whatever its path and its files' dates."""
    shutil.copytree(cache.ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(cache.ROOT / "schemas", tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    runs = []
    for place in (cache.ROOT, tmp_path):
        environment = os.environ | {"PYTHONPATH": str(place)}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / "kernels")]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=place, env=environment)
        runs.append(ran.stdout.split())
    assert runs == [["0", "1"], ["1", "0"]]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """A kernel that is not there is compiled for this process alone, as where a service may not write to its checkout."""
    gone = (
        "import shutil; shutil.rmtree(sys.argv[1])\nassert murmur2"  # the superuser may write to any folder: so it goes
    )
    command = [sys.executable, "-c", SCRIPT.replace("assert murmur2", gone, 1), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=cache.ROOT)
    assert ran.stdout.split() == ["0", "1"]
