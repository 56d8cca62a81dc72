"""RocksDB, tuned: the only importer of rocksdict.

``ports`` is what the rest may ask of a key-value store, ``tuning`` splits a memory budget into options, ``database`` keeps the
store in RocksDB, ``memory`` in a dict that knows what is durable from what a crash loses.
"""
