"""The durable log: a port with three adapters that pass one contract suite."""
