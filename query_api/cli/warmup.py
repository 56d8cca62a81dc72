"""Run the main job once on a few documents, so that every kernel is compiled with the types that the program really uses.

The kernels' own ``warm`` functions compile them side by side; this finds what they missed, and fills the cache with it.
"""

import asyncio
import tempfile
from typing import Any, Final

from schemas.settings import MemorySettings, ServeSettings

INDEX: Final = "warm"
MAPPING: Final[dict[str, Any]] = {
    "settings": {"number_of_shards": 2, "refresh_interval": "-1"},
    "mappings": {
        "properties": {
            "text": {"type": "text"},
            "tag": {"type": "keyword"},
            "count": {"type": "integer"},
            "price": {"type": "double"},
            "at": {"type": "date"},
            "flag": {"type": "boolean"},
            "address": {"type": "ip"},
        }
    },
}
_WORDS: Final = ("quick", "brown", "fox", "lazy", "dog", "straße", "漢字", "don't", "jumps", "over")
SEARCHES: Final[tuple[dict[str, Any], ...]] = (
    {"query": {"match": {"text": "quick"}}, "highlight": {"fields": {"text": {}}}},
    {"query": {"match": {"text": "quick brown fox"}}},
    {"query": {"match": {"text": {"query": "quick brown", "operator": "and"}}}, "track_total_hits": False},
    {"query": {"match": {"text": "quick brown"}}, "track_total_hits": False},
    {"query": {"match_phrase": {"text": "quick brown"}}},
    {"query": {"match_phrase": {"text": {"query": "quick fox", "slop": 2}}}},
    {
        "query": {
            "bool": {
                "must": [{"match": {"text": "fox"}}],
                "filter": [
                    {"term": {"tag": "t1"}},
                    {"range": {"count": {"gte": 1}}},
                    {"range": {"price": {"lt": 90.5}}},
                ],
                "must_not": [{"term": {"flag": False}}],
                "should": [{"prefix": {"tag": "t"}}, {"exists": {"field": "at"}}],
            }
        }
    },
    {"query": {"match_all": {}}, "sort": [{"at": "desc"}, {"tag": "asc"}], "size": 3},
    {"query": {"terms": {"tag": ["t1", "t2"]}}, "sort": [{"price": "asc"}, "_doc"]},
    {"query": {"term": {"address": "10.0.0.0/8"}}},
    {"query": {"dis_max": {"queries": [{"match": {"text": "lazy"}}, {"term": {"tag": "t0"}}]}}},
    {
        "size": 0,
        "query": {"match": {"text": "quick"}},
        "aggs": {
            "flags": {"terms": {"field": "flag"}, "aggs": {"best": {"top_hits": {"size": 1}}}},
            "tags": {
                "composite": {"sources": [{"t": {"terms": {"field": "tag"}}}, {"f": {"terms": {"field": "flag"}}}]}
            },
            "distinct": {"cardinality": {"field": "tag", "precision_threshold": 1}},
            "prices": {"percentiles": {"field": "price"}},
            "days": {"date_histogram": {"field": "at", "fixed_interval": "1d", "time_zone": "Europe/Berlin"}},
        },
    },
    {
        "size": 0,
        "aggs": {
            "tags": {"terms": {"field": "tag"}, "aggs": {"price": {"stats": {"field": "price"}}}},
            "days": {"date_histogram": {"field": "at", "calendar_interval": "month"}},
            "counts": {"histogram": {"field": "count", "interval": 5}, "aggs": {"n": {"avg": {"field": "count"}}}},
            "ranges": {"range": {"field": "price", "ranges": [{"to": 5}, {"from": 5}]}},
        },
    },
)


def warm() -> None:
    """Compile by use."""
    from query_api.cli.serve import open_pipeline

    with tempfile.TemporaryDirectory(prefix="sediment-warm-") as folder:
        settings = ServeSettings(data=folder, memory=MemorySettings(arrays_bytes=16 << 20))
        with open_pipeline(settings) as running:
            asyncio.run(_exercise(running))


async def _exercise(running: Any) -> None:
    import httpx

    from query_api.app import build_app

    transport = httpx.ASGITransport(build_app(running.services))
    async with httpx.AsyncClient(transport=transport, base_url="http://warm") as client:
        (await client.put(f"/{INDEX}", json=MAPPING)).raise_for_status()
        for round_number in range(3):
            body = "".join(_pair(number, round_number) for number in range(200))
            answer = await client.post(
                f"/{INDEX}/_bulk?refresh=true", content=body, headers={"content-type": "application/x-ndjson"}
            )
            answer.raise_for_status()
            if round_number == 1:
                await client.delete(f"/{INDEX}/_doc/3")
                running.flush(INDEX)
        (await client.post(f"/{INDEX}/_update/4", json={"doc": {"count": 9}})).raise_for_status()
        (await client.post(f"/{INDEX}/_forcemerge?max_num_segments=1")).raise_for_status()
        for search in SEARCHES:
            (await client.post(f"/{INDEX}/_search", json=search)).raise_for_status()
        (await client.get(f"/{INDEX}/_doc/5")).raise_for_status()


def _pair(number: int, round_number: int) -> str:
    words = " ".join(_WORDS[(number * step + round_number) % len(_WORDS)] for step in (1, 2, 3, 5, 7))
    multi = '["t1", "t2"]' if number % 7 == 0 else f'"t{number % 3}"'
    document = (
        f'{{"text": "{words}", "tag": {multi}, "count": {number % 50}, "price": {number / 3:.3f}, '
        f'"at": "2024-0{1 + number % 9}-1{number % 10}", "flag": {"true" if number % 2 else "false"}, '
        f'"address": "10.0.0.{number}", "new_{round_number}": {number}}}'
    )
    return f'{{"index": {{"_id": "{number}"}}}}\n{document}\n'
