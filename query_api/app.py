"""The ASGI application of the query API: all dialects over one set of services."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from query_api.console.pages import PAGES
from query_api.elastic.admin import analyze, cluster, indices, operations, sediment
from query_api.elastic.batches import by_query, reindex
from query_api.elastic.cat import indices as cat_indices
from query_api.elastic.cat import nodes as cat_nodes
from query_api.elastic.metadata import aliases, blocks, fields, resolution, templates
from query_api.elastic.monitoring import nodes, state, stats, tasks
from query_api.elastic.reading import explain, point_in_time, scroll, search
from query_api.elastic.wire.asgi import ElasticApp, Receive, Scope, Send
from query_api.elastic.wire.router import Route, Router
from query_api.elastic.writing import bulk, documents
from query_api.fanout.services import Check, Pools, Services


def routes() -> list[Route]:
    """Every route, for the router and for the reference page."""
    groups = (
        cluster.ROUTES,
        cat_indices.ROUTES,
        cat_nodes.ROUTES,
        nodes.ROUTES,
        stats.ROUTES,
        state.ROUTES,
        tasks.ROUTES,
        sediment.ROUTES,
        operations.ROUTES,
        indices.ROUTES,
        aliases.ROUTES,
        templates.ROUTES,
        blocks.ROUTES,
        fields.ROUTES,
        resolution.ROUTES,
        analyze.ROUTES,
        documents.ROUTES,
        bulk.ROUTES,
        search.ROUTES,
        scroll.ROUTES,
        explain.ROUTES,
        by_query.ROUTES,
        reindex.ROUTES,
        point_in_time.ROUTES,
    )
    return [one for group in groups for one in group]


Application = Callable[[Scope, Receive, Send], Awaitable[None]]
OPENAPI_PATH: Final = "/openapi.json"


class Front:
    """The application: FastAPI has its few pages; what is the dialect's goes there at once, since the layers of a framework
    cost more than a short search. FastAPI is imported for the first page: it would be a fifth of a start.
    """

    def __init__(self, services: Services, elastic: ElasticApp) -> None:
        self.elastic = elastic
        self._services = services
        self._paths = frozenset({OPENAPI_PATH, *PAGES})
        self._pages: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] not in self._paths:
            await self.elastic(scope, receive, send)
        else:
            if self._pages is None:
                self._pages = await asyncio.to_thread(_pages, self._services.version)
            await self._pages(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        self._services.pools.close()
        await send({"type": "lifespan.shutdown.complete"})


def build_app(services: Services) -> Front:
    """The application. The composition root that made the services closes them; the thread pools end with the application."""
    return Front(services, ElasticApp(services, Router(routes())))


def _pages(version: str) -> Application:
    from fastapi import FastAPI

    from query_api.console.routes import add_console

    app = FastAPI(title="Sediment", version=version, openapi_url=OPENAPI_PATH, docs_url=None, redoc_url=None)
    add_console(app)
    app.openapi = lambda: openapi(version)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def openapi(version: str) -> dict[str, Any]:
    """The routes as an OpenAPI document, made from the table that serves them."""
    paths: dict[str, dict[str, Any]] = {}
    for one in routes():
        names = [s[1:-1] for s in one.template.split("/") if s.startswith("{")]
        parameters: list[dict[str, Any]] = [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names
        ]
        parameters += [{"name": n, "in": "query", "schema": {"type": "string"}} for n in sorted(one.parameters)]
        for method in one.methods:
            paths.setdefault(one.template, {})[method.lower()] = {
                "summary": one.summary,
                "parameters": parameters,
                "responses": {"200": {"description": "done"}},
            }
    return {"openapi": "3.1.0", "info": {"title": "Sediment", "version": version}, "paths": paths}


__all__ = ["Check", "Front", "Pools", "Services", "build_app", "openapi", "routes"]
