"""The whole system on one thread, with a seeded clock and seeded faults."""
