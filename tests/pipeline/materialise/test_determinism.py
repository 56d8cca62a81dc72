"""The same log gives the same partition: in words, too, and whatever Python's hashes are.

``python -m tests.pipeline.materialise.test_determinism SEED RECORDS`` applies some logs, so many records at a time, and prints all they came to.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.kernels.cache import default_base, use_cache

use_cache(default_base())

from tests.pipeline.materialise.logs import LONG_WORLDS, WORLDS, World, random_log  # noqa: E402
from tests.pipeline.materialise.model import TEXT  # noqa: E402
from tests.pipeline.materialise.simulation import Partition  # noqa: E402
from tests.pipeline.materialise.test_model import partition_of, prepare  # noqa: E402

LOGS = 6


def all_of(partition: Partition, end: int) -> dict[str, Any]:
    """Everything that a partition says, reasons and the order of fields included; as JSON has it."""
    results, seq_nos, versions, errors = partition.worker.outcomes.of(np.arange(end))
    return {
        "documents": [[key, str(document)] for key, document in partition.documents().items()],
        "dead": [partition.dead()[offset] for offset in sorted(partition.dead())],
        "mapping": [[path, str(one)] for path, one in partition.worker.machine.mapping.fields.items()],
        "outcomes": [results.tolist(), seq_nos.tolist(), versions.tolist()],
        "errors": {str(offset): str(error) for offset, error in errors.items()},
        "next": partition.worker.machine.next_seq_no,
    }


def applied(world: World, records: int) -> dict[str, Any]:
    """A log applied so many records at a time, committed and merged on the way."""
    catalog, log = prepare(world)
    partition = partition_of(catalog, log)
    while partition.worker.machine.applied < len(log):
        partition.step(records)
        partition.begin_commit()
        partition.run_job()
        partition.begin_merge(0, records)
        partition.run_job()
    partition.catch_up()
    return all_of(partition, len(log))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(world=WORLDS | LONG_WORLDS, first=st.integers(1, 5), second=st.sampled_from([2, 7, 1000]))
def test_batches_make_no_difference(world: World, first: int, second: int) -> None:
    """Not even in the words of a dead letter, the position it names, or the order of new fields."""
    assert applied(world, first) == applied(world, second)


def told(hash_seed: int, records: int) -> Any:
    """What another process makes of the logs."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-m", "tests.pipeline.materialise.test_determinism", "5", str(records)]
    root = Path(__file__).absolute().parents[3]
    done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_hashes_make_no_difference() -> None:
    """Two processes with different hashes of strings, and other batches, tell the same of several logs."""
    first, second = told(1, 3), told(2, 1000)
    assert len(first) == LOGS
    assert all(one["documents"] and one["dead"] for one in first)
    assert first == second


def main(seed: int, records: int) -> None:
    """Apply and print."""
    worlds = [World({}, "true", 9, {"b": TEXT}, random_log(seed + n, 150)) for n in range(LOGS)]
    print(json.dumps([applied(world, records) for world in worlds]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
