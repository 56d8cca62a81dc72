"""Reading the parameters of one component as Elasticsearch reads settings: numbers and flags may be texts, lists may be texts with commas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.analysis.words import Filter
from schemas.errors import SedimentError, illegal_argument

CHARACTERS_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was written for a component of some name and type."""

    name: str
    type: str
    values: Mapping[str, Any]

    def has(self, key: str) -> bool:
        """Whether it was given."""
        return self.values.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A text."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, Mapping | list):
            raise self.wrong(key, value)
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    def required(self, key: str) -> str:
        """A text that must be there."""
        if not self.has(key):
            raise illegal_argument(f"{key} is missing for [{self.name}] {self.kind} of type '{self.type}'")
        return self.text(key)

    @property
    def kind(self) -> str:
        """What a message calls it."""
        return "component"

    def integer(self, key: str, default: int, least: int = 0) -> int:
        """A whole number, not below ``least``."""
        text = self.text(key, str(default))
        try:
            number = int(text)
        except ValueError:
            raise self.wrong(key, text) from None
        if number < least:
            raise illegal_argument(f"Failed to parse value [{text}] for setting [{key}] must be >= {least}")
        return min(number, CHARACTERS_MAX)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        text = self.text(key, "true" if default else "false")
        if text not in {"true", "false"}:
            raise illegal_argument(f"Failed to parse value [{text}] as only [true] or [false] are allowed.")
        return text == "true"

    def names(self, key: str, default: Sequence[str] = (), *, commas: bool = True) -> list[str]:
        """A list of texts; one text is split at commas."""
        value = self.values.get(key)
        if value is None:
            return list(default)
        if isinstance(value, list):
            return ["true" if v is True else "false" if v is False else str(v) for v in value]
        text = self.text(key)
        parts = text.split(",") if commas else [text]
        return [p.strip() for p in parts if p.strip()]

    def refuse(self, *keys: str) -> None:
        """Raises where one of them is given: they read files or other indices."""
        for key in keys:
            if self.has(key):
                raise illegal_argument(
                    f"[{key}] of [{self.name}] is not supported: write its content into the settings"
                )

    def wrong(self, key: str, value: Any) -> SedimentError:
        """The error for a value that cannot be read."""
        return illegal_argument(f"Failed to parse value [{value}] for setting [{key}] of [{self.name}]")


class Scope(Protocol):
    """What a filter's definition may ask of the analyzer it is for, and of its index."""

    def filter(self, name: str) -> Filter:
        """Another filter by name."""
        ...

    def terms(self, text: str) -> tuple[str, ...]:
        """A text through the tokenizer and the filters before this one."""
        ...

    def limit(self, name: str, default: int) -> int:
        """A limit in the index's settings."""
        ...
