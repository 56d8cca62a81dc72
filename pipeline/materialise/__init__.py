"""The stream worker: log records become segments, exactly once."""
