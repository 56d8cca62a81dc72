"""A process that appends until it is killed: prints `<thread> <number> <offset>` for each acknowledged record."""

import sys
import threading
from pathlib import Path

import numpy as np

from pipeline.log.embedded import EmbeddedLog
from schemas.ids import PartitionId, TopicName
from schemas.records import AppendBatch, ByteColumn

TOPIC = TopicName("killed")
THREADS = 4
FILE_BYTES_MAX = 20_000


def value(thread: int, number: int) -> bytes:
    """What a thread's record of this number holds: of changing length, and checkable."""
    return b"%d %d " % (thread, number) + b"x" * (number * 7 % 300)


def main() -> None:
    """Append with several threads, each from the number it is given."""
    log = EmbeddedLog(Path(sys.argv[1]), file_bytes_max=FILE_BYTES_MAX)
    if log.topic(TOPIC) is None:
        log.create_topic(TOPIC, 1)
    printing = threading.Lock()

    def work(thread: int, number: int) -> None:
        while True:
            count = 1 + number % 5
            values = ByteColumn.of([value(thread, number + i) for i in range(count)])
            times = np.arange(number, number + count, dtype=np.int64)
            offsets = log.append(TOPIC, PartitionId(0), AppendBatch(values, values, times))
            with printing:
                for i, offset in enumerate(offsets.tolist()):
                    sys.stdout.write(f"{thread} {number + i} {offset}\n")
                sys.stdout.flush()
            number += count

    for thread in range(THREADS):
        threading.Thread(target=work, args=(thread, int(sys.argv[2]))).start()


if __name__ == "__main__":
    main()
