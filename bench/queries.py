"""Query classes, chosen from the corpus' own words by how many documents have them; the same for both sides.

The two tokenizers differ: ours keeps ``foo_bar`` and ``example.com`` whole (Unicode's word boundaries, as Elasticsearch's
standard analyzer), tantivy's default splits at everything that is not a letter or digit. So only words of lower-case
letters are taken that both find in nearly the same documents, and phrases of two words with one space between them;
scores still differ by some per cent, since lengths do.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bench import fields as kinds
from bench.corpus import Corpus

SAMPLE_DOCUMENTS = 20_000
WORD = re.compile(r"[^\W_]+")  # about as tantivy's default tokenizer
STANDARD_WORD = re.compile(r"\w+(?:['.:]\w+)*")  # about as ours
PLAIN = re.compile(r"[a-z]{2,20}")
SPACED_PAIR = re.compile(r"(?<=\s)([a-z]{2,20}) ([a-z]{2,20})(?=\s)")
SAME_DOCUMENTS_SHARE_MIN = 0.95
PROSE = ("body", "docstring", "text", "content")  # searched where a corpus has them, else its longest text
# shares of the documents: with 752,000 documents, more than 50,000; 5,000 to 50,000; 200 to 5,000
FREQUENT, MEDIUM, RARE = (0.066, 1.0), (0.0066, 0.066), (0.00027, 0.0066)
SIZE = 10


@dataclass(frozen=True, slots=True)
class Case:
    """One query: words of one text field combined by ``how`` (term, or, and, phrase), perhaps a filter or an aggregation."""

    how: str
    field: str
    words: tuple[str, ...]
    keyword: tuple[str, str] | None = None  # filter: field, value
    between: tuple[str, int, int] | None = None  # filter: field, from, to (both included)
    aggregate: str | None = None  # terms aggregation of this field instead of hits

    def elastic(self) -> dict[str, Any]:
        """The body of a search request."""
        body: dict[str, Any] = {"query": self._elastic_query(), "track_total_hits": False, "size": SIZE}
        if self.aggregate:
            body |= {"size": 0, "aggs": {"top": {"terms": {"field": self.aggregate, "size": SIZE}}}}
        return body

    def _elastic_query(self) -> dict[str, Any]:
        clauses: list[dict[str, Any]] = [{"term": {self.field: word}} for word in self.words]
        filters: list[dict[str, Any]] = []
        if self.keyword:
            filters.append({"term": {self.keyword[0]: self.keyword[1]}})
        if self.between:
            filters.append({"range": {self.between[0]: {"gte": self.between[1], "lte": self.between[2]}}})
        if self.how == "phrase":
            return {"match_phrase": {self.field: " ".join(self.words)}}
        if filters:
            return {"bool": {"must": clauses, "filter": filters}}
        if len(clauses) == 1:
            return clauses[0]
        return {"bool": {"should" if self.how == "or" else "must": clauses}}


class Words:
    """The words of a corpus' prose, by frequency, and pairs of words for phrases."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.random = random.Random(seed)
        documents = [orjson.loads(line) for line in corpus.lines(0, min(corpus.base, SAMPLE_DOCUMENTS))]
        self.documents = documents
        self.field = self._searched(corpus)
        frequency: Counter[str] = Counter()
        whole: Counter[str] = Counter()
        self.pairs: list[tuple[str, ...]] = []
        for document in documents:
            text = str(document.get(self.field) or "")
            frequency.update(set(WORD.findall(text.lower())))
            whole.update(set(STANDARD_WORD.findall(text.lower())))
            pairs = SPACED_PAIR.findall(text)
            if pairs:
                self.pairs.append(self.random.choice(pairs))
        self._frequency = {
            word: count / len(documents)
            for word, count in frequency.items()
            if count > 2 and PLAIN.fullmatch(word) and whole[word] >= SAME_DOCUMENTS_SHARE_MIN * count
        }
        if not self.pairs or not all(self.between(bounds) for bounds in (FREQUENT, MEDIUM, RARE)):
            raise SystemExit("the corpus has too few words to choose queries from: use a larger one")

    def between(self, bounds: tuple[float, float]) -> list[str]:
        """Words whose share of documents lies within bounds."""
        low, high = bounds
        return sorted(w for w, share in self._frequency.items() if low < share <= high)

    def _searched(self, corpus: Corpus) -> str:
        texts = [f.name for f in corpus.fields if f.kind == kinds.TEXT]
        prose = [name for name in PROSE if name in texts]
        return prose[0] if prose else max(texts, key=lambda n: sum(len(str(d.get(n) or "")) for d in self.documents))


def choose(corpus: Corpus, per_class: int, seed: int = 7) -> Mapping[str, list[Case]]:
    """``per_class`` queries of every class the corpus has fields for."""
    words = Words(corpus, seed)
    frequent, medium, rare = (words.between(b) for b in (FREQUENT, MEDIUM, RARE))
    pick, field = words.random.choice, words.field
    sample = words.random.sample

    def some(make: Callable[[], Case]) -> list[Case]:
        return [make() for _ in range(per_class)]

    few = min(3, len(frequent))
    classes = {
        "term, frequent": some(lambda: Case("term", field, (pick(frequent),))),
        "term, medium": some(lambda: Case("term", field, (pick(medium),))),
        "term, rare": some(lambda: Case("term", field, (pick(rare),))),
        "or of 2": some(lambda: Case("or", field, (pick(frequent), pick(medium)))),
        "or of 3, mixed": some(lambda: Case("or", field, (pick(frequent), pick(medium), pick(rare)))),
        "or of 3, frequent": some(lambda: Case("or", field, tuple(sample(frequent, few)))),
        "and of 2": some(lambda: Case("and", field, tuple(sample(frequent, min(2, few))))),
        "and of 3": some(lambda: Case("and", field, (pick(frequent), *sample(medium, 2)))),
        "phrase of 2": some(lambda: Case("phrase", field, pick(words.pairs))),
    }
    return classes | _filtered(corpus, words, some, frequent + medium)


def _filtered(
    corpus: Corpus, words: Words, some: Callable[[Callable[[], Case]], list[Case]], plain: list[str]
) -> dict[str, list[Case]]:
    pick, field = words.random.choice, words.field
    classes: dict[str, list[Case]] = {}
    keywords = [f.name for f in corpus.fields if f.kind == kinds.KEYWORD]
    if keywords:
        distinct = {name: sorted({str(d[name]) for d in words.documents if d.get(name)}) for name in keywords}
        few, many = min(keywords, key=lambda n: len(distinct[n])), max(keywords, key=lambda n: len(distinct[n]))
        present = [str(d[few]) for d in words.documents if d.get(few)]
        classes["term + keyword filter"] = some(
            lambda: Case("term", field, (pick(plain),), keyword=(few, pick(present)))
        )
        classes[f"terms aggregation ({len(distinct[many]):,} values)"] = some(
            lambda: Case("term", field, (pick(plain),), aggregate=many)
        )
    numbers = [f.name for f in corpus.fields if f.kind == kinds.INTEGER]
    if numbers:
        values = sorted(int(d[numbers[0]]) for d in words.documents if d.get(numbers[0]) is not None)

        def ranged() -> Case:
            low, high = sorted((pick(values), pick(values)))
            return Case("term", field, (pick(plain),), between=(numbers[0], low, high))

        classes["term + range filter"] = some(ranged)
    return classes
