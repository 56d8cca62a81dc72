"""The ASGI application of the query API: all dialects over one set of services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount

from query_api.console.routes import add_console
from query_api.elastic.admin import analyze, cat, cluster, indices, operations, sediment
from query_api.elastic.metadata import aliases, blocks, fields, resolution, templates
from query_api.elastic.reading import point_in_time, scroll, search
from query_api.elastic.wire.asgi import ElasticApp
from query_api.elastic.wire.router import Route, Router
from query_api.elastic.writing import bulk, documents
from query_api.fanout.services import Check, Pools, Services


def routes() -> list[Route]:
    """Every route, for the router and for the reference page."""
    groups = (
        cluster.ROUTES,
        cat.ROUTES,
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
        point_in_time.ROUTES,
    )
    return [one for group in groups for one in group]


def build_app(services: Services) -> FastAPI:
    """The application. The composition root that made the services closes them; the thread pools end with the application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        services.pools.close()

    app = FastAPI(title="Sediment", version=services.version, lifespan=lifespan, docs_url=None, redoc_url=None)
    add_console(app)
    app.router.routes.append(Mount("/", ElasticApp(services, Router(routes()))))
    app.openapi = lambda: openapi(services.version)  # type: ignore[method-assign]  # FastAPI's documented way
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


__all__ = ["Check", "Pools", "Services", "build_app", "openapi", "routes"]
