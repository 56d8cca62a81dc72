"""RocksDB, tuned: the only importer of rocksdict."""
