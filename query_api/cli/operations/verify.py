"""``sediment verify``: compare an index with a rebuild from its log; name the buckets and then the documents that differ."""

import argparse
from typing import Any

import orjson
from rich.console import Console

from query_api.cli.client import segment
from query_api.cli.operations.access import catch_up, node_of
from query_api.cli.operations.watch import Shown, follow, interrupted

BUCKETS_SHOWN = 20


def verify(arguments: argparse.Namespace) -> int:
    """The command; exit 1 on a difference, and where a comparison could not be made."""
    console = Console(stderr=True)
    body = {"deep": arguments.deep, **({} if arguments.partition is None else {"partition": arguments.partition})}
    with node_of(arguments) as node:
        if node.near is not None:
            catch_up(node, arguments.index)
        begun = node.call("POST", f"/_sediment/indices/{segment(arguments.index)}/_verify", body)["jobs"]
        try:
            jobs = follow(node, arguments.index, begun, console)
        except KeyboardInterrupt:
            return interrupted(node, "verification", console)
    equal = all(job["state"] == "done" and job["report"].get("equal") is True for job in jobs)
    if arguments.json:
        print(orjson.dumps(_whole(arguments.index, jobs, equal=equal), option=orjson.OPT_INDENT_2).decode())
    else:
        for job in jobs:
            print("\n".join(lines(job)))
    return 0 if equal else 1


def _whole(index: str, jobs: list[Shown], *, equal: bool) -> dict[str, Any]:
    kept = ("partition", "state", "message")
    return {"index": index, "equal": equal, "partitions": [{k: j[k] for k in kept} | j["report"] for j in jobs]}


def lines(job: Shown) -> list[str]:
    """What one comparison found, for a person."""
    name, report = f"{job['index']}/{job['partition']}", job["report"]
    if job["state"] != "done" or not report:
        return [f"{name}: not compared: {job['message']}"]
    documents, digest = report["documents"], report["digest"]
    if report["equal"]:
        where = f"at offset {report['offset']:,}: {documents['live']:,} documents, level {report['level']}"
        return [f"{name}: equal {where}, digest {digest['live']}"]
    buckets = report["buckets"]
    more = f" and {len(buckets) - BUCKETS_SHOWN} more" if len(buckets) > BUCKETS_SHOWN else ""
    found = [
        f"{name}: DIFFERENT at offset {report['offset']:,}, level {report['level']}",
        f"  digest   live {digest['live']}, rebuilt {digest['rebuilt']}",
        f"  documents  live {documents['live']:,}, rebuilt {documents['rebuilt']:,}",
        f"  buckets  {', '.join(map(str, buckets[:BUCKETS_SHOWN]))}{more}",
    ]
    found += _explained(report)
    found += [
        f"  {one['id']}: live {_side(one['live'])}; rebuilt {_side(one['rebuilt'])}" for one in report["differences"]
    ]
    left = report["differences_total"] - len(report["differences"])
    return [*found, f"  and {left:,} documents more"] if left > 0 else found


def _explained(report: dict[str, Any]) -> list[str]:
    """Where the log is damaged: what it has lost, and how much of the difference that explains."""
    lost = report.get("log_lost")
    if not lost:
        return []
    reasons = report["reasons"]
    found = [
        f"  the log has lost offsets {one['first']:,} to {one['next'] - 1:,}: {one['file']}: {one['reason']}"
        for one in lost
    ]
    return [
        *found,
        f"  {reasons['log']:,} documents come from there: the index is right, and a rebuild would lose them",
        f"  {reasons['numbers']:,} more differ in sequence number or version only, as all do that follow a lost record",
        f"  {reasons['index']:,} differ for no reason that is in the log",
    ]


def _side(one: dict[str, Any] | None) -> str:
    if one is None:
        return "not there"
    return f"version {one['version']}, seq_no {one['seq_no']}, offset {one['offset']}, content {one['content']}"
