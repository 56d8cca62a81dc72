"""The console's page, and a page that lists the routes; both are files beside this module and load nothing from elsewhere."""

from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

# Nothing but the page itself and this node's API: what a document holds cannot become a script or a request.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'"
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def page(name: str) -> str:
    """A page's text."""
    return files("query_api.console").joinpath(name).read_text("utf-8")


def add_console(app: FastAPI) -> None:
    """Serve the console at /_sediment/console and the list of routes at /docs."""

    @app.get("/_sediment/console", include_in_schema=False)
    async def console() -> HTMLResponse:
        return HTMLResponse(page("console.html"), headers=_HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page("docs.html"), headers=_HEADERS)
