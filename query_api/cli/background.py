"""The REST side of a node in a thread of this process, on a free port."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schemas.errors import unavailable

if TYPE_CHECKING:
    from query_api.app import Front

READY_SECONDS_MAX = 20.0
HOST = "127.0.0.1"


@contextmanager
def serving(app: "Front") -> Iterator[str]:
    """The URL under which the application answers while the context is open."""
    import uvicorn

    from query_api.elastic.wire.protocol import protocol_of

    listening = socket.socket()
    listening.bind((HOST, 0))
    http = protocol_of(app.elastic)
    server = uvicorn.Server(
        uvicorn.Config(app, http=http, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="rest", daemon=True)
    thread.start()
    end = time.monotonic() + READY_SECONDS_MAX
    while not server.started:
        if time.monotonic() > end or not thread.is_alive():
            raise unavailable("not_started", "the REST side did not start: try `sediment doctor`")
        time.sleep(0.01)
    try:
        yield f"http://{HOST}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
