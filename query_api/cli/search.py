"""``sediment search``: hits in the terminal, with the terms that matched in colour."""

from collections.abc import Mapping
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from query_api.cli.client import Client, segment

# Private-use characters stand for the tags, so that no text in a document can be taken for one.
OPEN, CLOSE = "\ue000", "\ue001"
SHOWN_MAX = 3  # fragments of a field
HIGHLIGHT: Mapping[str, Any] = {
    "pre_tags": [OPEN],
    "post_tags": [CLOSE],
    "fields": {"*": {"number_of_fragments": SHOWN_MAX, "fragment_size": 140}},
}
MATCH_STYLE = "bold black on yellow"


def marked(fragment: str) -> Text:
    """A fragment with its matches in colour."""
    text = Text()
    for i, part in enumerate(fragment.split(OPEN)):
        hit, _, rest = part.partition(CLOSE) if i else ("", "", part)
        text.append(hit, style=MATCH_STYLE)
        text.append(rest)
    return text


def show_hits(console: Console, answer: Mapping[str, Any]) -> None:
    """Count, then each hit with its fragments."""
    hits = answer["hits"]
    total = hits.get("total", {"value": len(hits["hits"]), "relation": "gte"})
    about = "" if total["relation"] == "eq" else "more than "
    console.print(f"{about}{total['value']:,} hits in {answer['took']} ms", style="dim", highlight=False)
    for hit in hits["hits"]:
        score = "" if hit["_score"] is None else f"  {hit['_score']:.3f}"
        console.print(Text.assemble((hit["_id"], "bold cyan"), (score, "dim")))
        _show_fields(console, hit)


def _show_fields(console: Console, hit: Mapping[str, Any]) -> None:
    found = hit.get("highlight") or {}
    for name, fragments in found.items():
        for fragment in fragments[:SHOWN_MAX]:
            flat = " ".join(fragment.split())
            console.print(Text.assemble((f"  {name}: ", "dim"), marked(flat)), overflow="ellipsis", no_wrap=True)
    if not found:
        source = orjson.dumps(hit.get("_source", {})).decode()
        console.print(Text(f"  {source}"), overflow="ellipsis", no_wrap=True, style="dim")


def search(arguments: Any) -> int:
    """The command."""
    console = Console()
    with Client(arguments.url) as client:
        answer = client.call(
            "POST",
            f"/{segment(arguments.index)}/_search",
            {"highlight": HIGHLIGHT},
            parameters={"q": arguments.query, "size": str(arguments.size)},
        )
    if arguments.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        show_hits(console, answer)
    return 0
