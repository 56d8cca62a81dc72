"""The comparison benchmarks: ours against tantivy (through its own Python package), and ours alone.

Not imported by the product. ``python -m bench`` runs all of them small, ``python -m bench ingest --documents 752000`` one of
them large; each prints a table and writes ``results/<name>-<time>.json``.

``fields``: what a corpus consists of; the mapping and the tantivy schema are made from it.
``corpus``: a corpus as one file of JSON documents, repeated under new ids up to a size.
``rounds``: sides in processes of their own, in alternating order; medians; tables; the machine.
``tantivy_side``: the peer: schema, ingestion, queries.
``sediment_side``: ours: a node in this process, ingestion through the embedded log.
``broker``: a Kafka broker, where one is given or can be started.
``queries``: query classes, chosen from the corpus' own words.
``ingest``: JSON bytes in memory to visible and durable.
``search``: latency of queries, in process and over HTTP.
``busy_inside``, ``busy``: searches at rest and while the index is loaded, in process and over HTTP.
``cache``: how often caches have what a Zipfian mix asks for.
``visible``: from a write to a search that sees it, while loading and at rest; writes a second by each way in.
``memory``: resident memory while many documents load.
``profile``: where the time of ingestion goes.
"""
