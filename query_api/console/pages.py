"""The console's pages: files beside this module, which load nothing from elsewhere. Without a framework, so that a start need not import one."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

PAGES: Final[Mapping[str, str]] = {"/_sediment/console": "console.html", "/docs": "docs.html"}
# Nothing but the page itself and this node's API: what a document holds cannot become a script or a request.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def page(name: str) -> str:
    """A page's text."""
    return files("query_api.console").joinpath(name).read_text("utf-8")
