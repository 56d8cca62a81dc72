"""``sediment status``: indices and partitions, how far each is, in a table, and why one is not well."""

from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from query_api.cli.client import Client

_NUMBERS = ("documents", "applied", "visible", "durable", "end", "lag", "segments", "dead_letters")
WIDTH = 1_000  # nothing is cut: where a terminal is narrower than the table, its lines wrap
DIGEST_SHOWN = 12  # digits, as the gauge has them
_STYLES = {"green": "green", "yellow": "yellow", "red": "red"}


def size_text(count: int) -> str:
    """Bytes for a person."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def digest_text(partition: dict[str, Any]) -> str:
    """The beginning of a digest with its offset; all of it with --json."""
    digest = partition.get("digest")
    return f"{digest[:DIGEST_SHOWN]}@{partition['digest_offset']}" if digest else ""


def table_of(answer: dict[str, Any]) -> Table:
    """One row per partition."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("index", "partition", "state"):
        table.add_column(name)
    for name in (*_NUMBERS, "bytes"):
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("digest")
    for index in answer["indices"]:
        style = _STYLES.get(index["status"], "")
        for one in index["partitions"]:
            numbers = [f"{one.get(name, 0):,}" for name in _NUMBERS]
            table.add_row(
                index["index"],
                str(one["partition"]),
                f"[{style}]{one['state']}[/]" if style else one["state"],
                *numbers,
                size_text(one.get("bytes", 0)),
                digest_text(one),
            )
    return table


def reasons_of(answer: dict[str, Any]) -> list[str]:
    """A line for each partition that has something to say."""
    return [
        f"{index['index']}/{one['partition']}: {one['state']}: {one['reason']}"
        for index in answer["indices"]
        for one in index["partitions"]
        if one.get("reason")
    ]


def status(arguments: Any) -> int:
    """The command; exit 1 while a partition does not answer or has stopped."""
    with Client(arguments.url) as client:
        answer = client.call("GET", "/_sediment/status")
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    elif answer["indices"]:
        Console(width=WIDTH).print(table_of(answer))
        for line in reasons_of(answer):
            print(line)
    else:
        print("no indices yet: `sediment load INDEX FILE` makes one")
    return 1 if any(index["status"] == "red" for index in answer["indices"]) else 0
