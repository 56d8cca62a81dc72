"""``sediment doctor``: settings, folder, disk, port, libraries, log; what is wrong and what to do about it."""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from schemas.errors import SedimentError
from schemas.settings import ServeSettings

_LIBRARIES = ("numpy", "numba", "rocksdict", "orjson", "uvicorn", "confluent-kafka")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do where it is not well."""

    name: str
    text: str
    well: bool = True
    advice: str = ""


def _python() -> Finding:
    text = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", text, sys.version_info >= (3, 11), "use Python 3.11 or newer")


def _libraries() -> Iterator[Finding]:
    for name in _LIBRARIES:
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "missing", well=False, advice="install the project again: `make install`")


def _folder(settings: ServeSettings) -> Iterator[Finding]:
    path = Path(settings.data).absolute()
    existing = next(p for p in [path, *path.parents] if p.exists())
    writable = os.access(existing, os.W_OK)
    yield Finding("data folder", str(path), writable, f"[{existing}] cannot be written: choose another with --data")
    free = shutil.disk_usage(existing).free
    enough = free >= settings.limits.disk_free_bytes
    yield Finding("free disk", f"{free / 1e9:.1f} GB", enough, "make room, or lower limits.disk_free_bytes")


def _port(settings: ServeSettings) -> Finding:
    name, text = "port", f"{settings.host}:{settings.port}"
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((settings.host, settings.port))
        except OSError as error:
            return Finding(
                name,
                text,
                well=False,
                advice=f"{error.strerror}: is a node running already? choose another with --port",
            )
    return Finding(name, text)


def _log(settings: ServeSettings) -> Finding:
    if not settings.kafka:
        return Finding("log", "embedded")
    from pipeline.log.kafka import KafkaLog

    try:
        log = KafkaLog(settings.kafka)
        try:
            health = log.health()
        finally:
            log.close()
    except SedimentError as error:
        return Finding("log", settings.kafka, well=False, advice=error.message)
    return Finding("log", settings.kafka, health.healthy, health.reason)


def findings(settings: ServeSettings) -> Iterator[Finding]:
    """Everything, one after another."""
    yield _python()
    yield from _libraries()
    yield from _folder(settings)
    yield _port(settings)
    yield _log(settings)


def doctor(settings: ServeSettings, show: Callable[[str], None] = print) -> int:
    """The command; exit 1 if anything is not well."""
    well = True
    for one in findings(settings):
        mark = "ok  " if one.well else "BAD "
        show(f"{mark}{one.name:<16} {one.text}" + ("" if one.well else f"\n    -> {one.advice}"))
        well = well and one.well
    return 0 if well else 1
