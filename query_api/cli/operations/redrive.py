"""``sediment redrive``: send dead letters again, after whatever was wrong with them was put right."""

import argparse
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from query_api.cli.client import segment
from query_api.cli.operations.access import node_of
from schemas.errors import illegal_argument

SHOWN_MAX = 50
REFUSED = frozenset({"rejected", "conflict", "missing", "pending"})


def redrive(arguments: argparse.Namespace) -> int:
    """The command; exit 1 where a letter was not indexed this time either."""
    body, parameters = question(arguments.query)
    path = f"/_sediment/indices/{segment(arguments.index)}/_redrive"
    with node_of(arguments) as node:
        answer = node.call("POST", path, {**body, "dry_run": arguments.dry_run}, parameters=parameters)
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        _show(answer)
    return 1 if REFUSED & answer["results"].keys() else 0


def question(query: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and URL parameters of a query: JSON is the query language of searches, anything else words. Raises INVALID."""
    if query is None:
        return {}, {}
    if not query.lstrip().startswith("{"):
        return {}, {"q": query}
    try:
        return {"query": orjson.loads(query)}, {}
    except orjson.JSONDecodeError as error:
        raise illegal_argument(f"--query is not JSON: {error}") from error


def _show(answer: dict[str, Any]) -> None:
    if not answer["total"]:
        print("no dead letters are like that: nothing was sent")
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("dead letter", "key", "new offset", "result", "reason"):
        table.add_column(name, overflow="fold")
    for one in answer["redriven"][:SHOWN_MAX]:
        new = "" if one["new_offset"] is None else str(one["new_offset"])
        table.add_row(one["id"], one["key"] or "", new, one["result"], one["reason"])
    Console(markup=False).print(table)
    counts = ", ".join(f"{count:,} {name}" for name, count in answer["results"].items())
    print(f"{counts}: nothing was sent (--dry-run)" if answer["dry_run"] else f"sent again: {counts}")
