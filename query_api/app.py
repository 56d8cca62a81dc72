"""The ASGI application of the query API: all dialects over one set of services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from query_api.console.routes import add_console
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


class Front:
    """The application: FastAPI has its few pages, and start and end; what is the dialect's goes there at once, since the
    layers of a framework cost more than a short search.
    """

    def __init__(self, pages: FastAPI, elastic: ElasticApp) -> None:
        self.pages = pages
        self.elastic = elastic
        self._paths = frozenset(getattr(one, "path", "") for one in pages.router.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        to_dialect = scope["type"] == "http" and scope["path"] not in self._paths
        await (self.elastic if to_dialect else self.pages)(scope, receive, send)


def build_app(services: Services) -> Front:
    """The application. The composition root that made the services closes them; the thread pools end with the application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        services.pools.close()

    app = FastAPI(title="Sediment", version=services.version, lifespan=lifespan, docs_url=None, redoc_url=None)
    add_console(app)
    app.openapi = lambda: openapi(services.version)  # type: ignore[method-assign]  # FastAPI's documented way
    return Front(app, ElasticApp(services, Router(routes())))


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
