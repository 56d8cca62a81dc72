"""Stages between the raw topic and the index topic."""
