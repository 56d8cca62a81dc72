"""A fresh node per test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.query_api.fakes import Client


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    """A client of an empty node."""
    one = Client()
    yield one
    await one.close()
