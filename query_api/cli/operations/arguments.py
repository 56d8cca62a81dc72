"""The arguments of these commands. Light: ``--help`` reads all of them."""

import argparse

URL_DEFAULT = "http://127.0.0.1:9200"


def declare_access(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which node is meant."""
    parser.add_argument("--url", help=f"a running node (default: $SEDIMENT_URL, or {URL_DEFAULT})")
    parser.add_argument("--data", metavar="DIR", help="a data directory that no process has open, instead of a node")
    parser.add_argument("--kafka", metavar="HOSTS", help="with --data: bootstrap servers, where the log is Kafka")


def declare_replay(parser: argparse.ArgumentParser) -> None:
    """``sediment replay``."""
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("--partition", type=int, metavar="P", help="one partition only")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--from",
        dest="begin",
        type=int,
        metavar="OFFSET",
        help="decide all from this offset on again, from a kept state not after it",
    )
    begin.add_argument(
        "--from-timestamp",
        metavar="T",
        help="the same from the first record of this time: a date, or milliseconds since 1970",
    )
    parser.add_argument(
        "--until", type=int, metavar="OFFSET", help="with --data: the index as it was before this offset"
    )
    parser.add_argument("--rate", type=float, default=0.0, metavar="N", help="at most N records a second and partition")
    declare_access(parser)


def declare_verify(parser: argparse.ArgumentParser) -> None:
    """``sediment verify``."""
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("--partition", type=int, metavar="P", help="one partition only")
    parser.add_argument(
        "--deep", action="store_true", help="read terms, positions and columns back from the segments, too"
    )
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")
    declare_access(parser)


def declare_trace(parser: argparse.ArgumentParser) -> None:
    """``sediment trace``."""
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--routing", help="where the document was written with one")
    parser.add_argument("--json", action="store_true", help="the events with their whole values")
    declare_access(parser)


def declare_redrive(parser: argparse.ArgumentParser) -> None:
    """``sediment redrive``."""
    parser.add_argument("index", metavar="INDEX")
    parser.add_argument(
        "--query", metavar="Q", help="which ones: code:mapper_parsing, or a query in JSON (default: all)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be sent")
    parser.add_argument("--json", action="store_true", help="the answer as it came")
    declare_access(parser)
