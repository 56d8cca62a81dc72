"""The console's page, and a page that lists the routes, as FastAPI serves them."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from query_api.console.pages import HEADERS, PAGES, page


def add_console(app: FastAPI) -> None:
    """Serve the console at /_sediment/console and the list of routes at /docs."""
    for path, name in PAGES.items():
        app.get(path, include_in_schema=False)(_serving(name))


def _serving(name: str) -> Callable[[], Awaitable[HTMLResponse]]:
    async def answer() -> HTMLResponse:
        return HTMLResponse(page(name), headers=HEADERS)

    return answer
