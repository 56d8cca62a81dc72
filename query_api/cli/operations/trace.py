"""``sediment trace``: the events that made a document, as far as the log reaches."""

import argparse
from datetime import UTC, datetime
from typing import Any

import orjson

from query_api.cli.client import segment
from query_api.cli.operations.access import node_of

VALUE_SHOWN = 160  # characters


def trace(arguments: argparse.Namespace) -> int:
    """The command; exit 1 where the log has no event of the document."""
    parameters = {"routing": arguments.routing} if arguments.routing else {}
    path = f"/_sediment/indices/{segment(arguments.index)}/_history/{segment(arguments.id)}"
    with node_of(arguments) as node:
        answer = node.call("GET", path, parameters=parameters)
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    elif answer["events"]:
        for event in answer["events"]:
            print("\n".join(lines(event)))
    else:
        print(f"the log of [{arguments.index}] has no event of [{arguments.id}]; was it written with --routing?")
    return 0 if answer["events"] else 1


def lines(event: dict[str, Any]) -> list[str]:
    """One event for a person: where and when, what was asked, what came of it."""
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    place = f"{event['topic']}/{event['partition']} @ {event['offset']}"
    why = f": {event['reason']}" if event["reason"] else ""
    found = [f"{place}  {moment}  {event['op']}  {event['result']} (version {event['version']}){why}"]
    found += [f"    {name}: {value}" for name, value in event["headers"].items()]
    value = event.get("value") or event.get("value_base64")
    if value:
        found.append(f"    {value if len(value) <= VALUE_SHOWN else value[:VALUE_SHOWN] + ' …'}")
    return found
