"""JSON bytes to columns, without Python work per document."""
