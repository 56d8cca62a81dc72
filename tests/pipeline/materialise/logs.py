"""Strategies: logs over few ids that demand everything there is, and schedules to apply them by.

Half of both is drawn step by step, which shrinks well; half comes from a seed, which reaches deeper: long histories of the same
documents, several commits and merges. A failure prints the seed and the length.
"""

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from schemas.events import REDRIVEN_FROM
from tests.pipeline.materialise.model import TEXT, Record

SCALARS = st.sampled_from([1, 7, 2.5, True, False, "word", "other word", "12", ""])
NAMES = st.sampled_from(["a", "b", "c", "a.b", "s"])
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
WILD_DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=3)
TAME_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([1, 7, "12", [3, 4], None]),
        "s": st.sampled_from(["word", "other word", True, [], ["x", "y"]]),
        "d": st.fixed_dictionaries({}, optional={"x": st.integers(0, 3), "y": st.sampled_from(["word", "z"])}),
    },
)
DOCUMENTS = st.one_of(TAME_DOCUMENTS, TAME_DOCUMENTS, TAME_DOCUMENTS, WILD_DOCUMENTS)
GARBAGE = st.sampled_from(
    [
        b"",
        b"{",
        b"[]",
        b"nul",
        b'{"a":}',
        b'{"a":1}x',
        b'{"a":NaN}',
        b'{"a":1,"a":2}',
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b"\x00\x01",
    ]
)
BODIES = st.one_of(
    st.fixed_dictionaries(
        {"doc": DOCUMENTS},
        optional={"upsert": DOCUMENTS, "doc_as_upsert": st.booleans(), "detect_noop": st.booleans()},
    ),
    st.builds(lambda doc: {"doc": doc}, TAME_DOCUMENTS),
    st.sampled_from(
        [
            {"doc": {}},
            {"doc": {}},
            {},
            [],
            {"script": "x"},
            {"doc": 1},
            {"docs": {}},
            {"upsert": {}},
            {"doc": {}, "upsert": 2},
        ]
    ),
)
KEYS = st.sampled_from([b"x", b"x", b"y", b"y", b"z", None, "ü".encode(), b"0-3"])
BAD_KEYS = st.sampled_from([b"", b"k" * 513, b"\xff\xfe"])
NUMBERS = st.integers(0, 12).map(lambda n: b"%d" % n)
BAD_HEADERS = st.sampled_from(
    [
        (("op", b"nonsense"),),
        (("if_seq_no", b"-1"),),
        (("version_type", b"external"),),
        (("version_type", b"odd"), ("request-id", b"r1")),
        (("op", b"mapping"),),
    ]
)


def rarely(draw: st.DrawFn, one_in: int) -> bool:
    """True now and then (small numbers are drawn more often than others)."""
    return bool(draw(st.integers(0, one_in)) == one_in)


def dumped(value: Any) -> bytes:
    """A document as somebody may have written it."""
    return json.dumps(value).encode()


@st.composite
def demands(draw: st.DrawFn) -> tuple[tuple[str, bytes], ...]:
    """Headers: mostly none."""
    kind = draw(st.sampled_from(["", "", "", "", "", "", "seq_no", "version", "bad" if rarely(draw, 3) else ""]))
    found: tuple[tuple[str, bytes], ...] = ()
    if kind == "seq_no":
        found = (("if_seq_no", draw(NUMBERS)),)
        if draw(st.booleans()):
            found = (*found, ("if_primary_term", draw(st.sampled_from([b"1", b"2"]))))
    elif kind == "version":
        found = (("version", draw(NUMBERS)), ("version_type", draw(st.sampled_from([b"external", b"external_gte"]))))
    elif kind == "bad":
        found = draw(BAD_HEADERS)
    if rarely(draw, 6):
        found = (*found, ("request-id", draw(st.sampled_from([b"r1", b"r2"]))))
    if rarely(draw, 5):
        found = (*found, ("routing", b"route"))
    return found


@st.composite
def records(draw: st.DrawFn) -> Record:
    """One record of data."""
    op = draw(st.sampled_from(["plain", "plain", "index", "create", "update", "update", "update", "delete", "delete"]))
    key = draw(BAD_KEYS if rarely(draw, 20) else KEYS)
    headers = draw(demands())
    value: bytes | None
    if op == "delete":
        value = draw(st.sampled_from([None, None, b"ignored", b'{"new":1}']))
        headers = headers if value is None else (("op", b"delete"), *headers)
    elif op == "update":
        value, headers = dumped(draw(BODIES)), (("op", b"update"), *headers)
    else:
        value = dumped(draw(DOCUMENTS))
        headers = headers if op == "plain" else (("op", op.encode()), *headers)
    if rarely(draw, 12):
        value = draw(GARBAGE | st.none())
    return Record(key, value, headers)


@dataclass(frozen=True)
class Put:
    """Somebody changes the mapping here; None: a marker of a version that nobody knows."""

    mappings: dict[str, Any] | None


PUTS = st.one_of(
    st.just(Put(None)),
    st.builds(
        lambda properties, dynamic: Put({"properties": properties, **({"dynamic": dynamic} if dynamic else {})}),
        st.dictionaries(
            st.sampled_from(["a", "b", "c.d", "e"]),
            st.sampled_from([{"type": "long"}, {"type": "keyword"}, TEXT, {"type": "boolean"}]),
            max_size=2,
        ),
        st.sampled_from(["", "", "", "true", "true", "false", "strict"]),
    ),
)
LOGS = st.lists(st.one_of(records(), records(), records(), records(), records(), PUTS), min_size=6, max_size=40)


@dataclass(frozen=True)
class World:
    """Everything that decides what a log comes to."""

    properties: dict[str, Any]
    dynamic: str
    fields_max: int
    neighbour: dict[str, Any]  # fields that another partition adds
    log: list[Record | Put]


FRAME: dict[str, st.SearchStrategy[Any]] = {
    "properties": st.sampled_from(
        [{}, {}, {"s": {"type": "keyword"}}, {"a": {"type": "long"}}, {"a": {"properties": {"b": TEXT}}}]
    ),
    "dynamic": st.sampled_from(["true", "true", "true", "true", "true", "false", "strict"]),
    "fields_max": st.sampled_from([1000, 1000, 5, 8]),
    "neighbour": st.sampled_from([{}, {}, {"a": TEXT}, {"b": {"type": "long"}, "c.s": {"type": "long"}}]),
}
WORLDS = st.builds(World, **FRAME, log=LOGS)
SEEDS = st.integers(0, 1 << 32)
LONG_WORLDS = st.builds(
    World,
    **{**FRAME, "dynamic": st.just("true")},
    log=st.builds(lambda s, n: random_log(s, n), SEEDS, st.integers(10, 70)),
)

KEPT = (0, 0, 1, 1, 2, 2, 3, 5, 30)  # unflushed batches that a crash leaves: a commit has few
ACTIONS = st.one_of(
    st.tuples(st.just("step"), st.integers(1, 7)),
    st.tuples(st.just("step"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["refresh", "compact", "commit", "commit", "commit", "job", "job", "newest job"])),
    st.tuples(st.just("merge"), st.integers(0, 3), st.integers(1, 4)),
    st.tuples(st.just("crash"), st.sampled_from(KEPT)),
    st.tuples(st.just("kill"), st.integers(1, 7), st.sampled_from(KEPT)),
    st.tuples(st.just("catalog_away"), st.integers(1, 3)),
)
Schedule = list[tuple[object, ...]]


def random_schedule(seed: int, length: int) -> Schedule:
    """Steps that are small against the log, and much between them."""
    random = Random(seed)
    commits, crashes = random.choice([2, 6]), random.choice([0, 1])
    kinds = ["step"] * 8 + ["refresh", "compact"] + ["commit", "job"] * commits + ["merge"] * 3
    kinds += ["newest job"] * 2
    kinds += ["crash", "kill", "kill", "catalog_away"] * crashes
    found: Schedule = []
    for kind in random.choices(kinds, k=length):
        numbers = {
            "step": (random.choice([1, 1, 2, 3, 9]),),
            "merge": (random.randrange(4), random.randint(1, 4)),
            "crash": (random.choice(KEPT),),
            "kill": (random.randint(1, 7), random.choice(KEPT)),
            "catalog_away": (random.randint(1, 3),),
        }
        found.append((kind, *numbers.get(kind, ())))
        if (
            kind in {"commit", "merge"} and random.random() < 0.5
        ):  # the job, whole or up to a kill, before anything else happens
            found.append(("kill", *numbers["kill"]) if crashes and random.random() < 0.5 else ("job",))
    return found


def random_document(random: Random) -> dict[str, Any]:
    """Mostly of one kind."""
    found: dict[str, Any] = {}
    if random.random() < 0.6:
        found["a"] = random.choice([1, 7, "12", [3, 4], None, 2.5])
    if random.random() < 0.6:
        found["s"] = random.choice(["word", "other word", True, [], ["x", "y"]])
    if random.random() < 0.3:
        found["d"] = {"x": random.randrange(3)} if random.random() < 0.7 else {"y": random.choice(["word", "z"])}
    if random.random() < 0.05:
        found[random.choice(["a.b", "n", "d"])] = random.choice([1, "word", True, None, {"b": 1}, [[]], [1, "word"]])
    return found


def random_body(random: Random) -> Any:
    """The body of an update."""
    if random.random() < 0.08:
        return random.choice([{}, [], {"script": "x"}, {"doc": 1}, {"docs": {}}, {"upsert": {}}])
    body: dict[str, Any] = {"doc": random_document(random) if random.random() < 0.8 else {}}
    if random.random() < 0.3:
        body["upsert"] = random_document(random)
    if random.random() < 0.3:
        body["doc_as_upsert"] = random.random() < 0.7
    if random.random() < 0.2:
        body["detect_noop"] = False
    return body


def random_record(random: Random, offset: int) -> Record:
    """One record of data."""
    op = random.choices(["plain", "index", "create", "update", "delete"], [4, 1, 2, 4, 3])[0]
    key = random.choice([b"x", b"x", b"y", b"z", "ü".encode(), None if op in {"plain", "index"} else b"y"])
    headers: list[tuple[str, bytes]] = [] if op in {"plain", "delete"} else [("op", op.encode())]
    if random.random() < 0.15:
        headers.append(("if_seq_no", b"%d" % random.randrange(max(1, offset))))
    elif random.random() < 0.15:
        headers += [
            ("version", b"%d" % random.randrange(9)),
            ("version_type", random.choice([b"external", b"external_gte"])),
        ]
    if random.random() < 0.15:
        headers.append(("request-id", random.choice([b"r1", b"r2"])))
    if random.random() < 0.1:
        headers.append(("routing", b"route"))
    if random.random() < 0.1:
        names = [b"0-%d" % random.randrange(offset + 4), b"1-2", b"0-" + b"9" * 30, b"odd"]
        headers.append((REDRIVEN_FROM, random.choices(names, [9, 1, 1, 1])[0]))
    value = None if op == "delete" else dumped(random_body(random) if op == "update" else random_document(random))
    if random.random() < 0.04:
        value = random.choice([b"", b"{", b"[]", b'{"a":NaN}', b'{"a":"\xff"}', None])
    return Record(key, value, tuple(headers))


def random_log(seed: int, length: int) -> "list[Record | Put]":
    """A log in which documents live long."""
    random = Random(seed)
    found: list[Record | Put] = []
    for offset in range(length):
        if random.random() < 0.05:
            name, kind = random.choice(["a", "n", "e.f"]), random.choice(["long", "keyword"])
            dynamic = random.choice([{}, {}, {}, {"dynamic": "false"}, {"dynamic": "true"}, {"dynamic": "strict"}])
            found.append(Put({"properties": {name: {"type": kind}}, **dynamic}))
        else:
            found.append(random_record(random, offset))
    return found


LONG_SCHEDULES = st.builds(random_schedule, seed=SEEDS, length=st.integers(20, 80))
SCHEDULES = st.lists(ACTIONS, max_size=40) | LONG_SCHEDULES
