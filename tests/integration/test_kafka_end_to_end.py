"""The main job on a real Kafka: a producer that knows nothing of us, searched over REST by a client that knows only Elasticsearch."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import confluent_kafka
import httpx
import pytest
import uvicorn

from query_api.app import build_app
from query_api.cli.serve import RunningNode, open_pipeline
from schemas.settings import LogSettings, ServeSettings

WAIT_S = 60.0


class Running:
    """A node on Kafka and its REST API on a free port."""

    def __init__(self, node: RunningNode, client: httpx.Client) -> None:
        self.node = node
        self.client = client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer's JSON."""
        answer = self.client.request(method, path, json=body)
        return answer.json() if answer.content else answer.status_code

    def caught_up(self, index: str) -> None:
        """Wait until everything that the topic holds is visible."""
        assert self.node.node.wait_applied(index, WAIT_S)
        self.call("POST", f"/{index}/_refresh")


@pytest.fixture
def running(kafka: str, tmp_path: Path) -> Iterator[Running]:
    """A node with topics of its own."""
    settings = ServeSettings(data=str(tmp_path), kafka=kafka, log=LogSettings(topic_prefix=f"t{uuid4().hex[:8]}-"))
    with open_pipeline(settings) as node:
        config = uvicorn.Config(build_app(node.services), port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            yield Running(node, client)
        server.should_exit = True
        thread.join(WAIT_S)


def topic_of(running: Running, index: str) -> str:
    """The topic of an index."""
    state = running.node.node.indices.index(index)
    assert state is not None
    return str(state.topic)


def test_a_plain_producer_is_found_over_rest(kafka: str, running: Running) -> None:
    """Documents of a plain producer are found, its nulls deleted, its poison is among the dead letters, each with its origin."""
    body = {
        "settings": {"number_of_shards": 3},
        "mappings": {"properties": {"n": {"type": "integer"}, "t": {"type": "text"}}},
    }
    assert running.call("PUT", "/orders", body)["acknowledged"]
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    topic = topic_of(running, "orders")
    for n in range(300):
        producer.produce(topic, key=f"order-{n}", value=json.dumps({"n": n, "t": f"order number {n}"}))
    for n in range(0, 300, 10):
        producer.produce(topic, key=f"order-{n}", value=None)
    producer.produce(topic, key="poison-1", value=b'{"n": "many"}')
    producer.produce(topic, key="poison-2", value=b'{"n": 1, ')
    producer.produce(topic, key="poison-3", value=b"\xff\xfe")
    producer.produce(topic, value=b'{"n": 7, "t": "without a key"}')
    assert producer.flush(WAIT_S) == 0
    running.caught_up("orders")
    found = running.call("POST", "/orders/_search", {"query": {"match": {"t": "order"}}, "track_total_hits": True})
    assert found["hits"]["total"]["value"] == 270
    assert running.call("GET", "/orders/_doc/order-11")["_source"] == {"n": 11, "t": "order number 11"}
    assert running.call("GET", "/orders/_doc/order-10")["found"] is False
    keyless = running.call("POST", "/orders/_search", {"query": {"match": {"t": "without"}}, "_sediment": True})[
        "hits"
    ]["hits"]
    origin = keyless[0]["_sediment"]
    assert keyless[0]["_id"] == f"{origin['partition']}-{origin['offset']}"
    dead = running.call("POST", "/orders.dead/_search", {"sort": ["key"], "size": 10})["hits"]["hits"]
    assert [hit["_source"]["key"] for hit in dead] == ["poison-1", "poison-2", "poison-3"]
    assert dead[0]["_source"]["field"] == "n"
    assert {hit["_source"]["topic"] for hit in dead} == {topic}


def test_rest_and_producer_agree_on_the_partition(kafka: str, running: Running) -> None:
    """What REST wrote a plain producer updates, and the other way round: one document, versions counted."""
    running.call("PUT", "/books", {"settings": {"number_of_shards": 4}})
    for n in range(20):
        assert running.call("PUT", f"/books/_doc/b{n}", {"by": "rest"})["result"] == "created"
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    for n in range(20):
        producer.produce(topic_of(running, "books"), key=f"b{n}", value=b'{"by": "producer"}')
    producer.flush(WAIT_S)
    running.caught_up("books")
    assert running.call("GET", "/books/_count")["count"] == 20
    assert running.call("GET", "/books/_doc/b7")["_version"] == 2
    assert running.call("PUT", "/books/_doc/b7", {"by": "rest again"})["_version"] == 3


def test_aborted_transactions_are_not_indexed_and_hold_nothing_up(kafka: str, running: Running) -> None:
    """Aborted records are never seen; verification over a topic with gaps finds the same documents again."""
    running.call("PUT", "/payments", {"settings": {"number_of_shards": 1}})
    topic = topic_of(running, "payments")
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka, "transactional.id": f"tx-{uuid4().hex[:8]}"})
    producer.init_transactions(WAIT_S)
    for round_number in range(6):
        producer.begin_transaction()
        for n in range(5):
            producer.produce(topic, key=f"p{round_number}-{n}", value=json.dumps({"round": round_number}))
        if round_number % 2:
            producer.abort_transaction(WAIT_S)
        else:
            producer.commit_transaction(WAIT_S)
    deadline = time.monotonic() + WAIT_S
    while running.call("GET", "/payments/_count")["count"] != 15 and time.monotonic() < deadline:
        running.caught_up("payments")  # a commit returns a little before its records can be read
    assert running.call("GET", "/payments/_count")["count"] == 15
    operations = running.node.node.operations
    operations.verify("payments", deep=True)
    deadline = time.monotonic() + WAIT_S
    while operations.jobs("payments")[0].state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    job = operations.jobs("payments")[0]
    assert job.state == "done", job.message
    assert job.report["equal"] is True
