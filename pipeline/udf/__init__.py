"""User code, in a cage: the only importer of wasmtime."""
