"""``sediment replay``: rebuild an index from its log, beside the live one or in a data directory, or as it was at an offset."""

import argparse
from typing import Any

from rich.console import Console

from query_api.cli.client import segment
from query_api.cli.operations.access import Node, node_of, partitions_of
from query_api.cli.operations.watch import Shown, follow, interrupted
from schemas.errors import illegal_argument, not_found


def replay(arguments: argparse.Namespace) -> int:
    """The command; exit 1 where a partition could not be rebuilt."""
    console = Console(stderr=True)
    if arguments.until is not None and arguments.data is None:
        raise illegal_argument("--until goes with --data DIR: a live index is not taken back")
    with node_of(arguments) as node:
        if arguments.until is not None:
            return _until(node, arguments)
        begun = node.call("POST", f"/_sediment/indices/{segment(arguments.index)}/_replay", _body(arguments))["jobs"]
        try:
            return _report(follow(node, arguments.index, begun, console))
        except KeyboardInterrupt:
            return interrupted(node, "replay", console)


def _body(arguments: argparse.Namespace) -> dict[str, Any]:
    timestamp = arguments.from_timestamp
    if timestamp is not None and timestamp.isdigit():
        timestamp = int(timestamp)
    body = {
        "partition": arguments.partition,
        "from": arguments.begin,
        "from_timestamp": timestamp,
        "rate": arguments.rate,
    }
    return {name: value for name, value in body.items() if value is not None}


def _report(jobs: list[Shown]) -> int:
    for job in jobs:
        print(f"{job['index']}/{job['partition']}: {job['state']}: {job['message']}")
    return 0 if all(job["state"] == "done" for job in jobs) else 1


def _until(node: Node, arguments: argparse.Namespace) -> int:
    """The partitions as they were when the log ended at an offset: documents and digest of each."""
    assert node.near is not None, "--until goes with --data"
    if arguments.begin is not None or arguments.from_timestamp is not None:
        raise illegal_argument("--until begins at the beginning of the log: leave --from and --from-timestamp out")
    found = partitions_of(node, arguments.index)["partitions"]
    partition = arguments.partition
    if partition is None:
        if len(found) > 1:
            raise illegal_argument(f"[{arguments.index}] has {len(found)} partitions: say which one with --partition P")
        partition = 0
    if not 0 <= partition < len(found):
        raise not_found(
            "partition_not_found", f"[{arguments.index}] has partitions 0 to {len(found) - 1}, not {partition}"
        )
    begin, end = found[partition]["begin"], found[partition]["end"]
    if not begin <= arguments.until <= end:
        raise illegal_argument(f"offset {arguments.until} is not in the log: it has {begin} to {end}")
    digest, documents = node.near.operations.rebuild_until(arguments.index, arguments.until, partition)
    print(f"{arguments.index}/{partition} before offset {arguments.until}: {documents:,} documents, digest {digest}")
    return 0
