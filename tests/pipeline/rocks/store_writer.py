"""A process that writes until it is killed: numbered batches, a line on standard output after each flush."""

import sys

from pipeline.rocks.database import RocksStore
from pipeline.rocks.ports import WriteBatch
from pipeline.rocks.tuning import Tuning


def main(path: str) -> None:
    store = RocksStore(path, Tuning(memtable_bytes=1 << 20))
    number = int(store.get(b"next") or b"0")
    while True:
        big = [(b"c/%08d/%d" % (number, j), b"%08d" % number * 2500) for j in range(5)]
        small = (b"s/%08d" % number, b"%d" % number)
        store.write(WriteBatch(puts=[*big, small, (b"next", b"%d" % (number + 1))]))
        number += 1
        if number % 7 == 0:
            store.flush()
            print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
