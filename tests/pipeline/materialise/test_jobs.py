"""The apply lock; what the jobs do is shown by the tests of commits, merges and the worker."""

import threading
import time

from pipeline.materialise.jobs import Gate


def test_others_go_before_the_next_batch() -> None:
    """Who waits for the lock gets it before the worker's thread takes it again, though a lock is not fair."""
    lock = Gate()
    order: list[str] = []

    def ask() -> None:
        with lock.exclusive():
            order.append("other")

    thread = threading.Thread(target=ask)
    with lock.batch(lambda: False):
        thread.start()
        while not lock.urgent:
            time.sleep(0.001)
        order.append("batch")
    with lock.batch(lambda: False):
        order.append("batch")
    thread.join()
    assert order == ["batch", "other", "batch"]


def test_a_worker_that_has_to_end_does_not_wait() -> None:
    """Else who waits for its end would wait for ever, holding the lock's place."""
    lock = Gate()
    with lock.exclusive(), lock.batch(lambda: True):
        pass
    assert lock.urgent == 0
