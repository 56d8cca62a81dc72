"""Text to terms: a pure library."""
