"""Query classes, chosen from the corpus' own words by how many documents have them; the same for all sides.

The tokenizers differ: ours keeps ``foo_bar`` and ``example.com`` whole (Unicode's word boundaries, as Lucene's standard
tokenizer), tantivy's default splits at everything that is not a letter or digit. So only words of lower-case letters are
taken that all find in nearly the same documents, and phrases of two words with one space between them; scores still
differ by some per cent, since lengths do.
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
HISTOGRAM_DAYS = 30
PATTERN_LETTERS_MIN = 5  # words that prefixes, wildcards and typing errors are made of


@dataclass(frozen=True, slots=True)
class Case:
    """One query: words of one text field combined by ``how`` (term, or, and, phrase, prefix, wildcard, fuzzy), perhaps with
    filters, an order or an aggregation instead of hits."""

    how: str
    field: str
    words: tuple[str, ...]
    keyword: tuple[str, str] | None = None  # filter: field, value
    between: tuple[str, int, int] | None = None  # filter: field, from, to (both included)
    aggregate: str | None = None  # terms aggregation of this field instead of hits
    histogram: str | None = None  # date_histogram of this field instead of hits
    newest: str | None = None  # sorted by this field, descending, instead of by score

    @property
    def counts(self) -> bool:
        """Whether the answer is buckets, not hits."""
        return bool(self.aggregate or self.histogram)

    def elastic(self) -> dict[str, Any]:
        """The body of a search request."""
        body: dict[str, Any] = {"query": self._elastic_query(), "track_total_hits": False, "size": SIZE}
        if self.aggregate:
            body |= {"size": 0, "aggs": {"top": {"terms": {"field": self.aggregate, "size": SIZE}}}}
        if self.histogram:
            rounding = {"field": self.histogram, "fixed_interval": f"{HISTOGRAM_DAYS}d"}
            body |= {"size": 0, "aggs": {"top": {"date_histogram": rounding}}}
        if self.newest:
            body["sort"] = [{self.newest: "desc"}]
        return body

    def _elastic_query(self) -> dict[str, Any]:
        clauses = [self._clause(word) for word in self.words]
        filters: list[dict[str, Any]] = []
        if self.keyword:
            filters.append({"term": {self.keyword[0]: self.keyword[1]}})
        if self.between:
            filters.append({"range": {self.between[0]: {"gte": self.between[1], "lte": self.between[2]}}})
        if self.how == "phrase":
            return {"match_phrase": {self.field: " ".join(self.words)}}
        if len(clauses) == 1 and not filters:
            return clauses[0]
        scored = {"bool": {"should": clauses}} if self.how == "or" else {"bool": {"must": clauses}}
        if self.how == "or" and filters:
            return {"bool": {"must": [scored], "filter": filters}}
        return {"bool": scored["bool"] | {"filter": filters}} if filters else scored

    def _clause(self, word: str) -> dict[str, Any]:
        match self.how:
            case "prefix":
                return {"prefix": {self.field: word}}
            case "wildcard":
                return {"wildcard": {self.field: {"value": word}}}
            case "fuzzy":
                return {"fuzzy": {self.field: {"value": word, "fuzziness": 1}}}
            case _:
                return {"term": {self.field: word}}


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

    def mistyped(self, word: str) -> str:
        """The word with one letter left out, changed, or two that changed places; the first stays."""
        at = self.random.randrange(1, len(word) - 1)
        match self.random.randrange(3):
            case 0:
                return word[:at] + word[at + 1 :]
            case 1:
                return word[:at] + self.random.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]
            case _:
                return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


Some = Callable[[Callable[[], Case]], list[Case]]  # makes a class' cases


def choose(corpus: Corpus, per_class: int, seed: int = 7) -> Mapping[str, list[Case]]:
    """``per_class`` queries of every class the corpus has fields for."""
    words = Words(corpus, seed)
    frequent, medium, rare = (words.between(b) for b in (FREQUENT, MEDIUM, RARE))
    pick, field = words.random.choice, words.field
    sample = words.random.sample

    def some(make: Callable[[], Case]) -> list[Case]:
        return [make() for _ in range(per_class)]

    few = min(3, len(frequent))
    long = [w for w in medium + rare if len(w) >= PATTERN_LETTERS_MIN]

    def inside() -> str:
        word = pick(long)
        return f"{word[:2]}*{word[-2:]}"

    classes = {
        "term, frequent": some(lambda: Case("term", field, (pick(frequent),))),
        "term, medium": some(lambda: Case("term", field, (pick(medium),))),
        "term, rare": some(lambda: Case("term", field, (pick(rare),))),
        "or of 2": some(lambda: Case("or", field, (pick(frequent), pick(medium)))),
        "or of 3, mixed": some(lambda: Case("or", field, (pick(frequent), pick(medium), pick(rare)))),
        "or of 3, frequent": some(lambda: Case("or", field, tuple(sample(frequent, few)))),
        "or of 3, medium": some(lambda: Case("or", field, tuple(sample(medium, 3)))),
        "and of 2": some(lambda: Case("and", field, tuple(sample(frequent, min(2, few))))),
        "and of 3": some(lambda: Case("and", field, (pick(frequent), *sample(medium, 2)))),
        "phrase of 2": some(lambda: Case("phrase", field, pick(words.pairs))),
        "prefix": some(lambda: Case("prefix", field, (pick(long)[:4],))),
        "wildcard": some(lambda: Case("wildcard", field, (inside(),))),
        "wildcard, leading *": some(lambda: Case("wildcard", field, (f"*{pick(long)[-4:]}",))),
        "fuzzy 1": some(lambda: Case("fuzzy", field, (words.mistyped(pick(long)),))),
    }
    return classes | _filtered(corpus, words, some, frequent + medium)


def _filtered(corpus: Corpus, words: Words, some: Some, plain: list[str]) -> dict[str, list[Case]]:
    pick, field = words.random.choice, words.field
    classes: dict[str, list[Case]] = {}
    keywords = [f.name for f in corpus.fields if f.kind == kinds.KEYWORD]
    numbers = [f.name for f in corpus.fields if f.kind in {kinds.SECONDS, kinds.INTEGER}]
    present: list[str] = []
    few = many = ""
    if keywords:
        distinct = {name: sorted({str(d[name]) for d in words.documents if d.get(name)}) for name in keywords}
        few, many = min(keywords, key=lambda n: len(distinct[n])), max(keywords, key=lambda n: len(distinct[n]))
        present = [str(d[few]) for d in words.documents if d.get(few)]
        classes["term + keyword filter"] = some(
            lambda: Case("term", field, (pick(plain),), keyword=(few, pick(present)))
        )
        for name in dict.fromkeys((few, many)):
            classes[f"terms aggregation ({len(distinct[name]):,} values)"] = some(
                lambda name=name: Case("term", field, (pick(plain),), aggregate=name)  # type: ignore[misc]
            )
    if numbers:
        values = sorted(int(d[numbers[0]]) for d in words.documents if d.get(numbers[0]) is not None)

        def bounds() -> tuple[str, int, int]:
            low, high = sorted((pick(values), pick(values)))
            return numbers[0], low, high

        classes["term + range filter"] = some(lambda: Case("term", field, (pick(plain),), between=bounds()))
        if keywords:
            classes["or + two filters"] = some(
                lambda: Case("or", field, (pick(plain), pick(plain)), keyword=(few, pick(present)), between=bounds())
            )
    return classes | _dated(corpus, some, field, lambda: pick(plain))


def _dated(corpus: Corpus, some: Some, field: str, word: Callable[[], str]) -> dict[str, list[Case]]:
    dates = [f.name for f in corpus.fields if f.kind in {kinds.SECONDS, kinds.DATE}]
    numbers = dates or [f.name for f in corpus.fields if f.kind == kinds.INTEGER]
    if not numbers:
        return {}
    name = numbers[0]
    classes = {f"sort by {'date' if dates else 'number'}": some(lambda: Case("term", field, (word(),), newest=name))}
    if dates:
        classes["date_histogram"] = some(lambda: Case("term", field, (word(),), histogram=name))
    return classes
