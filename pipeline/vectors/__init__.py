"""Vectors to codes and distances: a pure numpy library."""
