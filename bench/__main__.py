"""``python -m bench``: every benchmark, small; ``python -m bench <name> --help``: one, as large as you like."""

import argparse
import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import orjson

from bench.corpus import FOLDER
from bench.rounds import settle
from query_api.cli.serve import use_kernels

NAMES = ("ingest", "search", "opensearch", "busy", "cache", "visible", "memory", "growth", "profile")
HELP = {
    "corpus": "auto, commits, demo, or an NDJSON file (its fields are inferred)",
    "documents": "size; the corpus is cut, or repeated under new ids",
    "sizes": "numbers of documents, each measured on its own",
    "rounds": "how often each side runs; the median is reported",
    "partitions": "partitions of our index (ingest: one or several numbers)",
    "batch": "records a batch that is appended to the log",
    "heap_mb": "tantivy: heap of its writer",
    "threads": "tantivy: threads of its writer",
    "settings": 'ours: settings as JSON, e.g. {"index.refresh_ms": -1}',
    "per_class": "queries a class",
    "passes": "how often each query is timed",
    "merged": "search one segment a side",
    "http": "also over HTTP",
    "lucene": "Lucene beside it, if `make lucene` has been here",
    "seconds": "how long each part is timed",
    "totals": "count all hits",
    "probes": "single writes timed",
    "clients": "connections that send _bulk requests",
    "distinct": "different queries",
    "requests": "requests of the mix",
    "exponent": "how uneven the mix is; 0: all queries alike",
    "image": "file of the picture",
    "by": "packages, functions or lines",
}


def parser() -> argparse.ArgumentParser:
    """One command a benchmark, one option a keyword of its ``run``."""
    whole = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = whole.add_subparsers(dest="name", metavar="|".join(NAMES))
    for name in NAMES:
        module = importlib.import_module(f"bench.{name}")
        summary = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        for keyword in inspect.signature(module.run).parameters.values():
            _add(command, keyword)
    return whole


def _add(command: argparse.ArgumentParser, keyword: inspect.Parameter) -> None:
    flag, default = "--" + keyword.name.replace("_", "-"), keyword.default
    options: dict[str, Any] = {"default": default, "help": f"{HELP[keyword.name]} (default: {default})"}
    if isinstance(default, bool):
        command.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    elif isinstance(default, tuple):
        command.add_argument(flag, nargs="+", type=int, **options)
    elif default is None:
        command.add_argument(flag, type=orjson.loads, **options)
    else:
        command.add_argument(flag, type=type(default), **options)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for."""
    given = vars(parser().parse_args(arguments))
    name = given.pop("name")
    FOLDER.mkdir(parents=True, exist_ok=True)
    use_kernels(lambda line: print(line, flush=True))  # no side may compile while its clock runs
    for one in [name] if name else NAMES:
        importlib.import_module(f"bench.{one}").run(**given)
        settle()


if __name__ == "__main__":
    main()
