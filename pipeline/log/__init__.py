"""The durable log: one port, three adapters (in memory, embedded, Kafka) that pass one test suite.

In reading order: ``ports`` says what a log is, ``refusals`` what it refuses; the package ``views`` has what
a log is seen through. ``batches`` joins and cuts record batches.
``local_log`` and ``local_reader`` are what logs within this process have in common: ``memory`` is one without a disk,
``embedded`` one in a directory, whose partitions are in the package ``files``. ``kafka`` is Kafka's client made into a
log; around it, and without the client, ``kafka_reader`` follows a partition, ``kafka_topics`` watches which topic it
is, ``kafka_records`` turns messages into columns and ``kafka_errors`` errors into ours.
"""
