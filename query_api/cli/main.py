"""The command table. Whatever is heavy is imported by the command that needs it, so that ``--help`` answers at once."""

import argparse
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from query_api.cli.operations.arguments import (
    URL_DEFAULT,
    declare_redrive,
    declare_replay,
    declare_trace,
    declare_verify,
)
from schemas.errors import SedimentError
from schemas.settings import ServeSettings, setting_names, settings_from

SETTINGS_FILE = "SEDIMENT_SETTINGS"  # names the TOML file where --settings does not
_SHORT = frozenset({"data", "host", "port", "partitions", "kafka"})  # shown first; the others under "settings"
Arguments = argparse.Namespace


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its arguments, and what runs it (exit code)."""

    name: str
    text: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Arguments], int]


def settings_of(arguments: Arguments) -> ServeSettings:
    """Defaults, the TOML file, SEDIMENT_* variables, flags. Raises ``illegal_argument``."""
    from schemas.errors import illegal_argument

    name = arguments.settings or os.environ.get(SETTINGS_FILE, "")
    file: dict[str, Any] = {}
    if name:
        try:
            file = tomllib.loads(Path(name).read_text())
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise illegal_argument(f"cannot read the settings file [{name}]: {error}") from error
    flags = {n.path: getattr(arguments, n.path) for n in setting_names()}
    return settings_from(file=file, environment=os.environ, flags=flags)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", metavar="FILE", help=f"a TOML file (or ${SETTINGS_FILE})")
    group = parser.add_argument_group("settings", "each also in the file, and as a SEDIMENT_ variable")
    for one in setting_names():
        shown = f"{one.doc} (default: {one.default!r})".replace("%", "%%")
        holder = parser if one.path in _SHORT else group
        holder.add_argument(one.flag, dest=one.path, metavar=type(one.default).__name__.upper(), help=shown)


def _url(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("SEDIMENT_URL", URL_DEFAULT)
    parser.add_argument("--url", default=default, help=f"the node (default: {default}, or $SEDIMENT_URL)")


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("file", metavar="FILE", help="NDJSON, plain, .gz or .zst; - for standard input")
    parser.add_argument("--id", metavar="FIELD", help="the field that holds the id; without it ids are made")


def _load(parser: argparse.ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("--mapping", metavar="FILE", help="create the index with this mapping, if it is not there")
    parser.add_argument(
        "--parallel", type=int, default=0, metavar="N", help="requests at the same time (default: 4; 1 with --id)"
    )
    _url(parser)


def _produce(parser: argparse.ArgumentParser) -> None:
    _file(parser)
    parser.add_argument("--kafka", required=True, metavar="HOSTS", help="bootstrap servers")
    parser.add_argument("--topic-prefix", default="", help="put before the index's name")


def _search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("query", metavar="QUERY", help='words, field:word, "a phrase", AND OR NOT')
    parser.add_argument("--size", type=int, default=10, metavar="N")
    parser.add_argument("--json", action="store_true", help="the answer as it came")
    _url(parser)


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the answer as it came")
    _url(parser)


def _run_serve(arguments: Arguments) -> int:
    from query_api.cli.serve import serve

    return serve(settings_of(arguments))


def _run_load(arguments: Arguments) -> int:
    from query_api.cli.load import load

    return load(arguments)


def _run_produce(arguments: Arguments) -> int:
    from query_api.cli.produce import produce

    return produce(arguments)


def _run_search(arguments: Arguments) -> int:
    from query_api.cli.search import search

    return search(arguments)


def _run_status(arguments: Arguments) -> int:
    from query_api.cli.status import status

    return status(arguments)


def _run_replay(given: Arguments) -> int:
    from query_api.cli.operations.replay import replay

    return replay(given)


def _run_verify(given: Arguments) -> int:
    from query_api.cli.operations.verify import verify

    return verify(given)


def _run_trace(given: Arguments) -> int:
    from query_api.cli.operations.trace import trace

    return trace(given)


def _run_redrive(given: Arguments) -> int:
    from query_api.cli.operations.redrive import redrive

    return redrive(given)


def _run_demo(arguments: Arguments) -> int:
    from query_api.cli.demo import demo

    return demo(settings_of(arguments))


def _run_doctor(arguments: Arguments) -> int:
    from query_api.cli.doctor import doctor

    return doctor(settings_of(arguments))


COMMANDS: Sequence[Command] = (
    Command("serve", "one process with all roles: log, partitions, REST", _settings, _run_serve),
    Command("load", "NDJSON over REST into an index", _load, _run_load),
    Command("produce", "NDJSON straight onto an index's Kafka topic", _produce, _run_produce),
    Command("search", "hits in the terminal", _search, _run_search),
    Command("status", "indices and partitions: offsets, lag, sizes", _status, _run_status),
    Command("replay", "rebuild an index from its log", declare_replay, _run_replay),
    Command("verify", "compare an index with a rebuild from its log", declare_verify, _run_verify),
    Command("trace", "the events that made a document", declare_trace, _run_trace),
    Command("redrive", "send dead letters again", declare_redrive, _run_redrive),
    Command("demo", "index and search the Python that runs this", _settings, _run_demo),
    Command("doctor", "check settings, disk, port, libraries, log", _settings, _run_doctor),
)


def parser_of(commands: Sequence[Command] = COMMANDS) -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="sediment", description="An event-sourced search engine.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for one in commands:
        sub = choices.add_parser(one.name, help=one.text, description=one.text)
        one.declare(sub)
        sub.set_defaults(run=one.run)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"sediment {version('sediment')}")
        parser.exit()


def main(given: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 where something is not as it should be, 2 for wrong use."""
    arguments = parser_of().parse_args(given)
    try:
        code: int = arguments.run(arguments)
    except SedimentError as error:
        print(f"sediment: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads: no second error at exit
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
