"""query_api.cli.corpus: documents from Python's own sources."""

from pathlib import Path

import orjson
import zstandard

from query_api.cli.corpus import MAPPING, SourceFile, corpus_file, documents_of, source_files
from schemas.mapping import parse_mapping

TEXT = '''"""A module."""
import os

class Animal(Base, metaclass=Meta):
    """Eats."""

    def eat(
        self, what: str,  # anything
    ) -> None:
        """Take food."""

    @property
    def name(self): return "x"

if os.name:
    async def run(): ...

def run(a, *, b=1): pass
'''


def write(folder: Path, name: str, text: str | bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def test_documents_of_a_module(tmp_path: Path) -> None:
    """Module, class, methods, functions: names, signatures, docstrings, places; ids are unique."""
    write(tmp_path, "zoo.py", TEXT)
    found = {d["id"]: d for d in documents_of(SourceFile(tmp_path / "zoo.py", "zoo"))}
    assert list(found) == ["zoo", "zoo.Animal", "zoo.Animal.eat", "zoo.Animal.name", "zoo.run", "zoo.run#2"]
    assert found["zoo.Animal"]["signature"] == "class Animal(Base, metaclass=Meta)"
    assert found["zoo.Animal.eat"]["signature"] == "def eat( self, what: str, ) -> None"
    assert found["zoo.Animal.name"]["signature"] == "def name(self)"
    assert [found[k]["kind"] for k in found] == ["module", "class", "method", "method", "function", "function"]
    assert (
        found["zoo.Animal.eat"]["docstring"],
        found["zoo.Animal.eat"]["line"],
        found["zoo.Animal.eat"]["lines"],
    ) == ("Take food.", 7, 4)
    assert set(found["zoo"]) == set(MAPPING["properties"])
    parse_mapping(MAPPING)


def test_corpus_is_the_same_again(tmp_path: Path) -> None:
    """Deterministic, cached, made anew when a file changes; broken files and odd names are passed over."""
    root, cache = tmp_path / "lib", tmp_path / "cache"
    write(root, "b/__init__.py", "def f(): pass\n")
    write(root, "a.py", 'X = "\\ud800"\n')
    write(root, "broken.py", "def (")
    write(root, "binary.py", b"\xff\xfe\x00")
    write(root, "no-name.py", "x = 1\n")
    write(root, "tests/t.py", "x = 1\n")
    assert [f.module for f in source_files([root])] == ["a", "b", "binary", "broken"]
    path = corpus_file(cache, [root])
    data = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    assert [orjson.loads(line)["id"] for line in data.splitlines()] == ["a", "b", "b.f"]
    assert corpus_file(cache, [root]) == path
    write(root, "c.py", "y = 1\n")
    newer = corpus_file(cache, [root])
    assert newer != path
    assert list(cache.glob("*.zst")) == [newer]
