"""Jobs until they are over: a bar per partition, with rate and remaining time."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from query_api.cli.client import segment
from query_api.cli.operations.access import POLL_S, Node
from schemas.errors import unavailable

Shown = dict[str, Any]  # a job as the REST side shows it


def eta_text(seconds: float | None) -> str:
    """``3:07`` or ``1:02:03``; empty where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"


def follow(node: Node, index: str, begun: Sequence[Shown], console: Console) -> list[Shown]:
    """Poll until every job is over; the jobs as they ended, by partition. Raises UNAVAILABLE for a job that the node forgot."""
    wanted = {job["id"] for job in begun}
    bars: dict[str, TaskID] = {}
    with _progress(console) as progress:
        for job in begun:
            bars[job["id"]] = progress.add_task(f"{job['kind']} {index}/{job['partition']}", total=1.0, words="")
        while True:
            found = node.call("GET", f"/_sediment/indices/{segment(index)}/_jobs")["jobs"]
            mine = [job for job in found if job["id"] in wanted]
            if len(mine) < len(wanted):
                raise unavailable("job_gone", "the node was restarted: it goes on with replays by itself, verify again")
            for job in mine:
                progress.update(bars[job["id"]], completed=job["progress"], words=_words(job))
            if all(job["state"] != "running" for job in mine):
                return sorted(mine, key=lambda job: int(job["partition"]))
            time.sleep(POLL_S)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[words]}", style="dim"),
        console=console,
    )


def _words(job: Shown) -> str:
    place = f"offset {job['position']:,} of {job['end']:,}"
    if job["state"] != "running":
        return place
    return f"{place}  {job['records_per_second']:,.0f} records/s  {eta_text(job['eta_seconds'])}"


def interrupted(node: Node, kind: str, console: Console) -> int:
    """What Ctrl-C leaves behind; the exit code."""
    if node.near is None:
        console.print(f"the {kind} goes on in the node: the same command watches it again, as does its console")
    elif kind == "replay":
        console.print("stopped: the same command goes on where this one was")
    else:
        console.print("stopped: nothing was changed")
    return 130
