"""Write the reference pages from the tables in the code: ``python -m docs.generate`` (``make docs``); ``--check`` only compares.

``tests/test_docs.py`` fails where a page is not what this gives, so what the pages say is what the code holds.
"""

import argparse
import ast
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
REFERENCE: Final = ROOT / "docs" / "reference"
PACKAGES: Final = ("schemas", "pipeline", "query_api")
NOTICE: Final = "<!-- Written by docs/generate.py (`make docs`) from {source}: change it there. -->"

# What a header of a record means to the worker that reads it. A header without an entry fails the generator.
HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    "op": (
        "`index`, `create`, `update`, `delete`, `mapping`",
        "what is asked for; without it a value is `index`, a null value `delete`. `mapping`: Sediment's own marker, a schema version begins here",
    ),
    "if_seq_no": (
        "whole number",
        "applied only if the document's last operation has this sequence number, else a conflict",
    ),
    "if_primary_term": ("whole number", "goes with `if_seq_no`; the layout epoch of the partitions"),
    "version": ("whole number", "the version that the document gets, with an external `version_type`"),
    "version_type": (
        "`internal`, `external`, `external_gt`, `external_gte`",
        "who numbers the versions; external: applied only if `version` is greater than (`_gte`: not less than) the current one",
    ),
    "routing": (
        "text",
        "kept as the document's `_routing`. It moves nothing: the producer chooses the partition, by murmur2 of this value, not of the key",
    ),
    "request-id": (
        "text",
        "a second record with the same value within the window (`REQUEST_IDS_KEPT_OFFSETS`) changes nothing and gets the first one's outcome",
    ),
    "redriven-from": (
        "`<partition>-<offset>`",
        "the dead letter that this record was made from; kept with the document, so that it shows both offsets",
    ),
    "schema-version": ("whole number", "with `op: mapping` only: which schema version begins"),
    "traceparent": ("W3C Trace Context", "the trace that the write belongs to; passed on, not used for any decision"),
    "content-type": ("text", "reserved; not read yet, every value is taken for JSON"),
}


def settings_page() -> str:
    """Settings, and the bounds that are not settings."""
    from schemas.settings import setting_names

    sources = _code(exclude={"schemas/settings.py"})
    rows = []
    for one in setting_names():
        used = re.search(rf"\.{one.path.rpartition('.')[2]}\b", sources) is not None
        meaning = one.doc if used else f"{one.doc}. **Not used yet**"
        rows.append(
            (f"`{one.path}`", f"`{_shown(one.path, one.default)}`", f"`{one.variable}`", f"`{one.flag}`", meaning)
        )
    text = [
        "Four layers, each over the one before: defaults, a TOML file (`--settings FILE` or `SEDIMENT_SETTINGS`), `SEDIMENT_*` variables, flags.",
        "In the file `memory.writes_bytes` is `writes_bytes` in the table `[memory]`. Sizes may be written `64mb`, durations `100ms`, `5s` or `-1`.",
        "An unknown name in the file or among the flags is an error that lists all names; an unknown `SEDIMENT_*` variable is not.",
        "",
        *_table(("setting", "default", "variable", "flag", "meaning"), rows),
        "",
        "`SEDIMENT_URL` is the node that `load`, `search` and `status` talk to where `--url` is not given.",
        "",
        "## Bounds",
        "",
        "What has a limit that is not a setting (`schemas/limits.py`).",
        "",
        *_limits(),
    ]
    return _page("Settings", "schemas/settings.py and schemas/limits.py", text)


def _shown(path: str, default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if path.endswith("_bytes"):
        units = ((30, "gb"), (20, "mb"), (10, "kb"))
        return next((f"{default >> shift}{unit}" for shift, unit in units if default % (1 << shift) == 0), str(default))
    if path.endswith("_ms"):
        return f"{default // 1000}s" if default % 1000 == 0 and default else f"{default}ms"
    return str(default) if default != "" else '""'


def _limits() -> Iterator[str]:
    from schemas import limits

    heading, rows = "", []
    for line in inspect.getsource(limits).splitlines():
        section = re.match(r"# --- (.*?) -+$", line)
        bound = re.match(r"(\w+): Final = [^#]*(?:#\s*(.*))?$", line)
        if section:
            heading = section[1]
        elif bound:
            rows.append((heading, f"`{bound[1]}`", f"{getattr(limits, bound[1]):,}", bound[2] or ""))
    yield from _table(("of", "name", "value", "remark"), rows)


def metrics_page() -> str:
    """Metrics and spans, and which of them nothing records yet."""
    from pipeline.telemetry import names

    constants = {id(value): name for name, value in vars(names).items() if isinstance(value, names.Metric | names.Span)}
    sources = _code(exclude={"pipeline/telemetry/names.py"})
    used = {key: re.search(rf"\b{name}\b", sources) is not None for key, name in constants.items()}

    def metric_rows(wanted: bool) -> list[Sequence[str]]:
        return [
            (f"`{m.name}`", type(m).__name__.lower(), m.unit, _codes(m.labels), m.meaning)
            for m in names.METRICS
            if used[id(m)] is wanted
        ]

    def span_rows(wanted: bool) -> list[Sequence[str]]:
        return [(f"`{s.name}`", _codes(s.attributes), s.meaning) for s in names.SPANS if used[id(s)] is wanted]

    metric_head, span_head = ("metric", "kind", "unit", "labels", "meaning"), ("span", "attributes", "meaning")
    text = [
        "`GET /metrics` answers in Prometheus' text format. A histogram `x` gives `x_bucket`, `x_sum` and `x_count`.",
        f"Labels have few values each; beyond {names.SERIES_MAX:,} label sets of one metric, further ones count as `{names.OTHER}`.",
        "",
        *_table(metric_head, metric_rows(wanted=True)),
        "",
        "## Spans",
        "",
        "Sent to `telemetry.otlp_endpoint` over OTLP/HTTP, if that is set.",
        "",
        *_table(span_head, span_rows(wanted=True)),
    ]
    if metric_rows(wanted=False):
        text += ["", "## Named, not recorded yet", "", "These names are taken; no code records them today.", ""]
        text += [*_table(metric_head, metric_rows(wanted=False)), "", *_table(span_head, span_rows(wanted=False))]
    return _page("Metrics and spans", "pipeline/telemetry/names.py", text)


def routes_page() -> str:
    """Routes of the REST side by the module that answers them."""
    from fastapi import FastAPI

    from query_api.app import routes
    from query_api.console.routes import add_console
    from query_api.elastic.wire.call import COMMON_PARAMETERS

    groups: dict[str, list[Any]] = {}
    for one in routes():
        groups.setdefault(one.handler.__module__, []).append(one)
    pages = FastAPI(docs_url=None, redoc_url=None)
    add_console(pages)
    text = [
        "Every path that is answered. Any other path gives 400 with `no handler found`, or is taken for an index of that name; an unknown URL",
        "parameter gives 400 with what might have been meant. `HEAD` is answered wherever `GET` is.",
        "",
        f"Parameters of every route: {_codes(sorted(COMMON_PARAMETERS))}.",
        "Not every parameter has an effect: those that mean nothing here are accepted for the clients' sake. What differs is listed in",
        "[deviations](../decisions/deviations.md), what is missing in [gaps](../decisions/gaps.md).",
    ]
    for module, found in groups.items():
        doc = (sys.modules[module].__doc__ or "").partition("\n")[0].rstrip(".")
        text += ["", f"## {doc}", "", f"`{module}`", ""]
        rows = [(f"`{' '.join(r.methods)}`", f"`{r.template}`", r.summary, _codes(sorted(r.parameters))) for r in found]
        text += _table(("method", "path", "does", "parameters"), rows)
    text += ["", "## Pages", "", "`query_api.console.routes`, and FastAPI for the OpenAPI document.", ""]
    paths = sorted(str(getattr(r, "path", "")) for r in pages.routes)
    text += _table(("method", "path"), [("`GET`", f"`{path}`") for path in paths])
    return _page("Routes", "query_api.app.routes()", text)


def errors_page() -> str:
    """Error kinds, and the codes that are raised."""
    from query_api.elastic.wire.errors import status_of, type_of
    from schemas.errors import ErrorKind, SedimentError

    kinds = [(f"`{k.name}`", str(k.status), "yes" if k.retryable else "no") for k in ErrorKind]
    rows = []
    for (code, kind), places in sorted(_raised().items()):
        status = status_of(SedimentError(ErrorKind[kind], code, ""))
        rows.append((f"`{code}`", f"`{kind}`", str(status), f"`{type_of(code)}`", _codes(sorted(places))))
    text = [
        "An error has a kind (what a caller would do about it), a code (a stable word for machines) and a message for a person, which says what to",
        "do. A kind exists only where a caller would act otherwise.",
        "",
        *_table(("kind", "HTTP status", "a retry may help"), kinds),
        "",
        "Answers with 429 and 503 carry `Retry-After`.",
        "",
        "## Codes",
        "",
        "What is raised, with the status and the `error.type` that the Elasticsearch dialect answers. A search of which every partition failed is",
        "`search_phase_execution_exception` around the causes. The same codes are the `code` of a dead letter and the `error.type` of a bulk item.",
        "",
        *_table(("code", "kind", "HTTP status", "`error.type`", "raised in"), rows),
    ]
    return _page("Errors", "schemas/errors.py and what the code raises", text)


_KIND_OF: Final[Mapping[str, str]] = {
    "invalid": "INVALID",
    "not_found": "NOT_FOUND",
    "conflict": "CONFLICT",
    "unavailable": "UNAVAILABLE",
}
_CODE_AT: Final[Mapping[str, int]] = {"WriteError": 0, "DeadLetter": 1}
_WHOLE: Final[Mapping[str, tuple[str, str]]] = {
    "illegal_argument": ("illegal_argument", "INVALID"),
    "damaged": ("corrupted_data", "DAMAGED"),
}


def _raised() -> dict[tuple[str, str], set[str]]:
    """(code, kind) -> packages, from the calls that make errors."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in _sources():
        package = ".".join(path.relative_to(ROOT).parent.parts[:2])
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made = _made(node.func.id, node.args)
                if made is not None and path.name != "errors.py":
                    found.setdefault(made, set()).add(package)
    return found


def _made(name: str, arguments: Sequence[ast.expr]) -> tuple[str, str] | None:
    """(code, kind) of an error that a call makes; None for any other call, or where the code is not a literal."""
    if name in _WHOLE:
        return _WHOLE[name]
    code, kind = "", _KIND_OF.get(name, "")
    if kind:
        code = _text_at(arguments, 0)
    elif name == "SedimentError" and arguments and isinstance(arguments[0], ast.Attribute):
        code, kind = _text_at(arguments, 1), arguments[0].attr
    elif name in _CODE_AT:
        code, kind = _text_at(arguments, _CODE_AT[name]), _write_kind(name, arguments)
    return (code, kind) if code and kind else None


def _text_at(arguments: Sequence[ast.expr], at: int) -> str:
    one = arguments[at] if len(arguments) > at else None
    return str(one.value) if isinstance(one, ast.Constant) and isinstance(one.value, str) else ""


def _write_kind(name: str, arguments: Sequence[ast.expr]) -> str:
    from schemas.errors import ErrorKind

    status = arguments[2] if name == "WriteError" and len(arguments) > 2 else ast.Constant(400)
    value = status.value if isinstance(status, ast.Constant) else 0
    return next((k.name for k in ErrorKind if k.status == value), "")


def cli_page() -> str:
    """Commands and their arguments."""
    from query_api.cli.main import COMMANDS
    from query_api.cli.operations.arguments import URL_DEFAULT
    from schemas.settings import setting_names

    settings = {one.path for one in setting_names()}
    text = [
        "Exit codes: 0 done, 1 something is not as it should be (rejected documents, a failed check, an error), 2 wrong use, 130 interrupted.",
        "",
        *_table(("command", "does"), [(f"[`sediment {c.name}`](#sediment-{c.name})", c.text) for c in COMMANDS]),
    ]
    for one in COMMANDS:
        parser = argparse.ArgumentParser(prog=f"sediment {one.name}", add_help=False)
        _declare(one.declare, parser, URL_DEFAULT)
        actions = parser._actions  # noqa: SLF001 - argparse has no public list of them
        takes_all = settings <= {a.dest for a in actions}
        own = [a for a in actions if not takes_all or a.dest not in settings]
        text += ["", f"## sediment {one.name}", "", f"{one.text[0].upper()}{one.text[1:]}.", ""]
        if takes_all:
            text += ["Every [setting](settings.md) is a flag of this command.", ""]
        text += _table(("argument", "meaning"), [(_argument(a), _help(a)) for a in own])
    return _page("Command line", "query_api/cli/main.py", text)


def _declare(declare: Callable[[argparse.ArgumentParser], None], parser: argparse.ArgumentParser, url: str) -> None:
    """Declare the arguments as on a machine where SEDIMENT_URL is not set: the variable is a default that help shows."""
    kept = os.environ.get("SEDIMENT_URL")
    os.environ["SEDIMENT_URL"] = url
    try:
        declare(parser)
    finally:
        del os.environ["SEDIMENT_URL"]
        if kept is not None:
            os.environ["SEDIMENT_URL"] = kept


def _argument(action: argparse.Action) -> str:
    shown = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"`{shown}`"
    return f"`{action.option_strings[-1]}`" if action.nargs == 0 else f"`{action.option_strings[-1]} {shown}`"


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace("%%", "%")
    if action.required and action.option_strings:
        text += " (required)"
    if (
        isinstance(action.default, int)
        and not isinstance(action.default, bool)
        and action.default
        and "default" not in text
    ):
        text += f" (default: {action.default})"
    return text.strip()


def wire_page() -> str:
    """What a record of an index topic may hold."""
    from pipeline.catalog.names import CONTROL_TOPIC
    from pipeline.materialise.dead_letters import MAPPING, SUFFIX
    from schemas import events
    from schemas.outcomes import Result

    headers = header_names(events)
    missing = sorted(set(headers) - set(HEADERS))
    if missing:
        raise SystemExit(f"docs/generate.py: say in HEADERS what these headers mean: {', '.join(missing)}")
    fields = [(f"`{f.path}`", f.type.value) for f in MAPPING.fields.values()]
    ops = [(f"`{n.decode()}`", o.name) for n, o in events.OP_NAMES.items()]
    text = [
        "| part of the record | means |",
        "|---|---|",
        "| topic | the index: its name, after `log.topic_prefix`; bytes that Kafka does not allow become `X` and two hexadecimal digits |",
        "| key | the document's id, 1 to 512 bytes of UTF-8; null: the id is `<partition>-<offset>` |",
        "| value | the document, one JSON object: it is created or replaced (no envelope); null: it is deleted |",
        "| partition | murmur2 of the key, as Kafka's Java producer computes it, modulo the number of partitions |",
        "| timestamp | shown in `_sediment`, and the start of a dead letter's; it decides nothing |",
        "| headers | only where more is asked for; unknown ones are ignored |",
        "",
        f"A record that cannot be understood or indexed becomes a document of `<index>{SUFFIX}`: [dead letters](../how-to/dead-letters.md).",
        "",
        "## Headers",
        "",
        *_table(("header", "value", "meaning"), [(f"`{h}`", *HEADERS[h]) for h in headers]),
        "",
        "Values of `op`:",
        "",
        *_table(("value", "operation"), ops),
        "",
        "The value of an `update` is the body of `_update`: `doc`, `upsert`, `doc_as_upsert`, `detect_noop`.",
        "",
        "## Outcomes",
        "",
        "What a partition decides of a record; the REST side answers with it.",
        "",
        *_table(("number", "outcome"), [(str(int(r)), f"`{r.name}`") for r in Result]),
        "",
        "## Fields of a dead letter",
        "",
        *_table(("field", "type"), fields),
        "",
        f"## The control log\n\nTopic `{CONTROL_TOPIC}`, one partition, kept for ever: JSON commands with a `kind`.",
        "",
        *_table(("kind", "fields", "meaning"), _commands()),
    ]
    return _page("On the wire", "schemas/events.py, schemas/outcomes.py, pipeline/catalog/commands.py", text)


def header_names(events: ModuleType) -> list[str]:
    """Every header that the table of events names, in order."""
    return [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)]


def _commands() -> Iterator[Sequence[str]]:
    from dataclasses import fields

    from pipeline.catalog import commands

    for name, kind in commands._KINDS.items():  # noqa: SLF001 - the table that decoding uses
        yield f"`{name}`", _codes(f.name for f in fields(kind)), (kind.__doc__ or "").partition("\n")[0]


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "routes.md": routes_page,
    "errors.md": errors_page,
    "cli.md": cli_page,
    "wire.md": wire_page,
}


def _page(title: str, source: str, lines: Iterable[str]) -> str:
    return "\n".join([f"# {title}", "", NOTICE.format(source=source), "", *lines]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sources() -> Iterator[Path]:
    return (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))


def _code(exclude: set[str]) -> str:
    return "\n".join(path.read_text() for path in _sources() if str(path.relative_to(ROOT)) not in exclude)


def main(given: Sequence[str] | None = None) -> int:
    """Write all pages, or say which are not up to date (exit 1)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is out of date")
    check = parser.parse_args(given).check
    from pipeline.kernels.cache import default_base, use_cache

    use_cache(default_base())  # before anything imports a kernel
    stale = []
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text)
    print(f"{'out of date' if check else 'written'}: {', '.join(stale) or 'nothing'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
