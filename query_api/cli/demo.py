"""``sediment demo``: index the Python that runs this, through the log, and search it."""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule

from query_api.cli.client import Client, segment
from query_api.cli.load import Loader, Source, load_source, report
from query_api.cli.search import HIGHLIGHT, show_hits
from schemas.settings import ServeSettings

INDEX = "python"
CATCH_UP_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Example:
    """A search worth showing."""

    title: str
    body: Mapping[str, Any]


EXAMPLES = (
    Example(
        'full text: how do I "compress data with a dictionary"?',
        {
            "query": {
                "multi_match": {"query": "compress data dictionary", "fields": ["name^3", "docstring^2", "source"]}
            }
        },
    ),
    Example(
        'a phrase in docstrings: "thread safe"',
        {"query": {"match_phrase": {"docstring": "thread safe"}}},
    ),
    Example(
        "classes about locks, in the standard library's threading and asyncio, longest first",
        {
            "query": {
                "bool": {
                    "must": {"match": {"docstring": "lock"}},
                    "filter": [{"term": {"kind": "class"}}, {"terms": {"package": ["threading", "asyncio"]}}],
                }
            },
            "sort": [{"lines": "desc"}],
        },
    ),
)
FACETS: Mapping[str, Any] = {
    "size": 0,
    "aggs": {
        "kinds": {"terms": {"field": "kind"}, "aggs": {"lines": {"avg": {"field": "lines"}}}},
        "packages": {"terms": {"field": "package", "size": 5}},
    },
}


def cache_folder() -> Path:
    """Where the corpus is kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sediment"


def demo(settings: ServeSettings) -> int:
    """The command."""
    from query_api.cli.background import serving
    from query_api.cli.corpus import corpus_file
    from query_api.cli.serve import open_node

    console = Console(highlight=False)
    console.print(Rule("[bold]Sediment[/]: writes settle from a log into searchable layers", align="left"))
    started = time.perf_counter()
    with console.status("reading the modules, classes and functions of this Python ..."):
        corpus = corpus_file(cache_folder(), processes=min(4, os.cpu_count() or 1))
    console.print(f"corpus: {corpus} ({time.perf_counter() - started:.1f} s)", style="dim")
    Path(settings.data).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        running = stack.enter_context(open_node(settings))
        from query_api.app import build_app  # imports kernels, whose folder the node has chosen

        url = stack.enter_context(serving(build_app(running.services)))
        client = stack.enter_context(Client(url))
        code = _index(client, corpus, console)
        for example in EXAMPLES:
            _show(client, console, example)
        _show_facets(client, console)
    _what_next(console, settings)
    return code


def _index(client: Client, corpus: Path, console: Console) -> int:
    from query_api.cli.corpus import MAPPING

    if client.call("GET", f"/{INDEX}", missing_ok=True) is not None:
        client.call("DELETE", f"/{INDEX}")
    client.call("PUT", f"/{INDEX}", {"mappings": MAPPING})
    with ExitStack() as stack:
        source = Source(str(corpus), stack)
        # the documents' ids are all different: their order does not matter
        loader = Loader(client, INDEX, id_field="id", parallel=2)
        done = load_source(loader, source, console, "through the log into the index")
    _catch_up(client)
    client.call("POST", f"/{INDEX}/_refresh")
    return report(done, INDEX, console, Console(stderr=True))


def _catch_up(client: Client) -> None:
    end = time.monotonic() + CATCH_UP_SECONDS_MAX
    while time.monotonic() < end:
        if client.call("GET", f"/_sediment/indices/{segment(INDEX)}/partitions")["lag"] == 0:
            return
        time.sleep(0.05)


def _show(client: Client, console: Console, example: Example) -> None:
    console.print()
    console.print(Rule(example.title, align="left", style="dim"))
    body = {"size": 3, "_source": ["signature", "file", "line"], "highlight": HIGHLIGHT, **example.body}
    show_hits(console, client.call("POST", f"/{INDEX}/_search", body))


def _show_facets(client: Client, console: Console) -> None:
    console.print()
    console.print(
        Rule("what there is: kinds with their average length, the largest packages", align="left", style="dim")
    )
    answer = client.call("POST", f"/{INDEX}/_search", FACETS)
    console.print(f"in {answer['took']} ms", style="dim")
    for bucket in answer["aggregations"]["kinds"]["buckets"]:
        console.print(f"  {bucket['key']:<10} {bucket['doc_count']:>7,}   {bucket['lines']['value']:,.1f} lines")
    names = [f"{b['key']} {b['doc_count']:,}" for b in answer["aggregations"]["packages"]["buckets"]]
    console.print(f"  packages: {', '.join(names)}")


def _what_next(console: Console, settings: ServeSettings) -> None:
    command = command_here(sys.argv[0] if sys.argv else "", Path.cwd())
    default = replace(ServeSettings(), data=settings.data)
    url = f"http://{default.host}:{default.port}"
    console.print()
    console.print(Rule("go on", align="left", style="dim"))
    console.print(f"  {command} serve --data {settings.data}", markup=False)
    console.print(f"  curl '{url}/{INDEX}/_search?q=docstring:iterator&size=3&pretty'", markup=False, soft_wrap=True)
    console.print(f"  {command} search {INDEX} 'docstring:\"context manager\"'", markup=False)
    console.print(f"  {url}/_sediment/console", markup=False)


def command_here(program: str, folder: Path) -> str:
    """How this program is called from a folder: by its name where the shell finds it, else by its path, as short as it can be."""
    path = Path(program or "sediment")
    if shutil.which(path.name) is not None or not path.exists():
        return path.name
    whole = folder / path
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)
