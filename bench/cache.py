"""Hit rates of the caches, and what they save, over HTTP: a Zipfian mix of queries of all classes on an index at rest.

The query of rank r is asked in proportion to 1 / r to the power of ``exponent``, so that few are asked often and many once; which query has which
rank is drawn at random. The mix meets caches that have seen none of its queries, and /metrics says how often each had what it was asked for.
What searches cost without them is measured on a second index of the same documents: each query once, then counted as often as the mix has it.
"""

import random
import re
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import orjson

from bench import corpus as corpora
from bench import queries
from bench.fields import mappings
from bench.http_side import Client, Prepared, Server, bulk_bodies, served
from bench.rounds import machine, number, percentiles, print_machine, save, table

MIXED, ONCE = "mixed", "once"
BULK_DOCUMENTS = 2_000
WARM_QUERIES = 200  # of another seed: kernels and shapes are known before anything is timed
LOOKUPS = re.compile(rb'^sediment_cache_lookups_total\{cache="(\w+)",outcome="(\w+)"\} ([\d.e+]+)', re.MULTILINE)


def distinct_bodies(corpus: corpora.Corpus, wanted: int, seed: int) -> list[bytes]:
    """So many different requests, or as many as the corpus' words make, all classes alike, in random order."""
    classes = queries.choose(corpus, max(1, wanted // 8), seed)
    found: dict[bytes, None] = {}
    for cases in zip(*classes.values(), strict=True):
        found |= dict.fromkeys(orjson.dumps(case.elastic()) for case in cases)
        if len(found) >= wanted:
            break
    bodies = list(found)[:wanted]
    random.Random(seed).shuffle(bodies)
    return bodies


def zipfian(count: int, draws: int, exponent: float, seed: int) -> list[int]:
    """Ranks below ``count``, drawn in proportion to 1 / (rank + 1) ** exponent."""
    weights = list(accumulate((rank + 1) ** -exponent for rank in range(count)))
    return random.Random(seed).choices(range(count), cum_weights=weights, k=draws)


def _counted(client: Client) -> dict[str, dict[str, float]]:
    """Lookups of each cache so far, by outcome."""
    counted: dict[str, dict[str, float]] = {}
    for cache, outcome, value in LOOKUPS.findall(client.ask("GET", "/metrics")):
        counted.setdefault(cache.decode(), {})[outcome.decode()] = float(value)
    return counted


def _asked(server: Server, index: str, bodies: Sequence[bytes], order: Sequence[int]) -> tuple[list[float], float]:
    """Seconds of each request, and the server's processor time for one, in microseconds."""
    connection = Prepared(server.address, f"/{index}/_search", bodies)
    cpu = server.cpu_seconds()
    times = [connection.ask(at) for at in order]
    cpu = server.cpu_seconds() - cpu
    connection.close()
    return times, cpu / len(times) * 1e6


def _load(client: Client, index: str, corpus: corpora.Corpus) -> None:
    client.send("PUT", f"/{index}", {"mappings": mappings(corpus.fields)})
    for ids, rows in corpus.batches(BULK_DOCUMENTS):
        (body,) = bulk_bodies(ids, rows, BULK_DOCUMENTS)
        client.ask("POST", f"/{index}/_bulk", body, "application/x-ndjson")
    for step in ("_refresh", "_flush", "_forcemerge?max_num_segments=1"):
        client.ask("POST", f"/{index}/{step}", b"")


def _rates(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    rates: dict[str, dict[str, float]] = {}
    for cache, now in sorted(after.items()):
        then = before.get(cache, {})
        hits, misses = (now.get(outcome, 0) - then.get(outcome, 0) for outcome in ("hit", "miss"))
        if hits + misses:
            rates[cache] = {"lookups": hits + misses, "hit_share": hits / (hits + misses)}
    return rates


def run(
    *,
    corpus: str = "auto",
    documents: int = 100_000,
    distinct: int = 2_000,
    requests: int = 20_000,
    exponent: float = 1.0,
) -> None:
    """Measure, print, write."""
    started = machine()
    prepared = corpora.prepare(corpus, documents)
    print(f"cache: {documents:,} documents ({prepared.name}), {distinct:,} queries, Zipf {exponent}, 1 partition")
    print_machine(started)
    bodies, warm = distinct_bodies(prepared, distinct, 7), distinct_bodies(prepared, WARM_QUERIES, 8)
    order = zipfian(len(bodies), requests, exponent, 7)
    with (
        tempfile.TemporaryDirectory(dir=corpora.FOLDER, prefix="cache-") as name,
        served(Path(name) / "data") as server,
    ):
        client = Client(server.address)
        for index in (MIXED, ONCE):
            _load(client, index, prepared)
            _asked(server, index, warm, range(len(warm)))
            print(f"  loaded: {index}", flush=True)
        first, first_cpu = _asked(server, ONCE, bodies, range(len(bodies)))
        before = _counted(client)
        mixed, mixed_cpu = _asked(server, MIXED, bodies, order)
        rates = _rates(before, _counted(client))
        client.close()
    latencies = {
        "each query once": percentiles(first) | {"cpu_us": first_cpu},
        "the mix, each as if asked first": percentiles([first[at] for at in order]),
        "the mix": percentiles(mixed) | {"cpu_us": mixed_cpu},
    }
    table(
        ["_search, microseconds", "p50", "p99", "server's CPU"],
        [[name, one["p50_us"], one["p99_us"], one.get("cpu_us", "")] for name, one in latencies.items()],
    )
    table(
        ["cache, during the mix", "lookups", "hits, %"],
        [[name, one["lookups"], one["hit_share"] * 100] for name, one in rates.items()],
    )
    arguments = {"distinct": len(bodies), "requests": requests, "exponent": exponent}
    print(f"{number(len(bodies))} queries, each on average {number(requests / len(bodies))} times")
    figures = {"latencies": latencies, "caches": rates}
    save("cache", started, {"corpus": prepared.facts(), "arguments": arguments, "figures": figures})
