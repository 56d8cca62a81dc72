"""Rows to hits: sources byte for byte, and what else the request asks to see of them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.search.features.explain import Explainer
from pipeline.search.features.fields import doc_values, source_values
from pipeline.search.features.highlight import Highlighter
from pipeline.search.lookup import provenance_of, texts_of
from pipeline.search.queries.compile import compile_query
from pipeline.search.queries.evaluate import SegmentQueries
from pipeline.search.queries.expand import expand
from pipeline.search.queries.plan import Context, Plan
from pipeline.search.statistics import Weights
from pipeline.segments.reader import SegmentReader
from pipeline.segments.view import PartitionView
from schemas.query import Bool, Boosting, ConstantScore, DisMax, Node, SearchRequest
from schemas.results import FetchedHit, Provenance, RowHit


def fetch_hits(
    view: PartitionView,
    segments: Sequence[SegmentQueries],
    request: SearchRequest,
    plan: Plan,
    weights: Weights,
    hits: Sequence[RowHit],
) -> Sequence[FetchedHit]:
    """The rows as they are shown, in the order given."""
    fetcher = _Fetcher(view, segments, request, plan, weights)
    first = hits[0].segment if hits else 0
    if all(hit.segment == first for hit in hits):
        return fetcher.of_segment(segments[first], [hit.doc for hit in hits]) if hits else []
    by_segment: dict[int, list[int]] = defaultdict(list)
    for place, hit in enumerate(hits):
        by_segment[hit.segment].append(place)
    fetched: dict[int, FetchedHit] = {}
    for number, places in by_segment.items():
        documents = [hits[p].doc for p in places]
        fetched |= zip(places, fetcher.of_segment(segments[number], documents), strict=True)
    return [fetched[place] for place in range(len(hits))]


class _Fetcher:
    def __init__(
        self,
        view: PartitionView,
        segments: Sequence[SegmentQueries],
        request: SearchRequest,
        plan: Plan,
        weights: Weights,
    ) -> None:
        self._view = view
        self._request = request
        self._context = Context(view.mapping, view.index, request.now_ms)
        self._parsed_needed = bool(request.fields or request.highlight)
        self._sources_needed = request.source.enabled or self._parsed_needed
        self._highlighter = Highlighter(request, self._context, weights.statistics) if request.highlight else None
        self._explainer = Explainer(plan, weights) if request.explain else None
        self._named = [
            (n.name, expand(compile_query(n, self._context), weights.statistics)) for n in named_nodes(request.query)
        ]

    def of_segment(self, segment: SegmentQueries, documents: Sequence[int]) -> list[FetchedHit]:
        """The hits of these documents of one segment."""
        rows = np.array(documents, np.int64)
        sources: Sequence[bytes | None] = [None] * len(documents)
        if self._sources_needed:
            sources = segment.reader.sources(rows)
        matched: list[list[str]] = [[] for _ in documents]
        for name, plan in self._named:
            held = segment.select(plan).as_mask()[rows]
            for i in np.flatnonzero(held).tolist():
                matched[i].append(name)
        explanations = self._explainer.explain(segment, documents) if self._explainer else [None] * len(documents)
        facts = _Facts(self._view, segment.reader, self._request, rows)
        shown = zip(documents, sources, matched, explanations, strict=True)
        return [self._hit(segment.reader, facts, at, one) for at, one in enumerate(shown)]

    def _hit(
        self, reader: SegmentReader, facts: "_Facts", at: int, shown: tuple[int, bytes | None, Sequence[str], Any]
    ) -> FetchedHit:
        document, source, names, explanation = shown
        request, mapping = self._request, self._view.mapping
        fields: dict[str, Any] = {}
        parsed = msgspec.json.decode(source) if self._parsed_needed and source else None
        if request.fields:
            fields = source_values(parsed, request.fields, mapping)
        if request.docvalue_fields:
            fields |= doc_values(reader, document, request.docvalue_fields, mapping)
        return FetchedHit(
            id=facts.ids[at],
            version=facts.versions[at],
            seq_no=facts.seq_nos[at],
            source=source if request.source.enabled else None,
            provenance=facts.provenances[at],
            routing=facts.routings[at],
            fields=fields,
            highlight=self._highlighter.highlight(parsed) if self._highlighter else {},
            explanation=explanation,
            matched=names,
        )


class _Facts:
    """Who some documents of a segment are: a column at a time, and only what the request asks to see."""

    def __init__(
        self, view: PartitionView, reader: SegmentReader, request: SearchRequest, rows: NDArray[np.int64]
    ) -> None:
        count = len(rows)
        self.ids = texts_of(reader.ids(), rows)
        routing = reader.routing()
        values = [""] * count if routing is None else texts_of(routing, rows)
        self.routings = [one or None for one in values]
        self.versions = reader.versions()[rows].tolist() if request.version else [-1] * count
        self.seq_nos = reader.seq_nos()[rows].tolist() if request.seq_no_primary_term else [-1] * count
        self.provenances: Sequence[Provenance | None] = [None] * count
        if request.provenance:
            self.provenances = [provenance_of(reader, one, view.topic, view.partition) for one in rows.tolist()]


def named_nodes(node: Node) -> list[Node]:
    """Every node of the tree with a name."""
    children: Sequence[Node] = ()
    match node:
        case Bool():
            children = (*node.must, *node.should, *node.must_not, *node.filter)
        case ConstantScore():
            children = (node.filter,)
        case DisMax():
            children = node.queries
        case Boosting():
            children = (node.positive, node.negative)
        case _:
            pass
    found = [node] if node.name else []
    return found + [n for child in children for n in named_nodes(child)]
