"""Accept a write: check it, route it, append it, acknowledge it."""
