"""Copy a partition out and back."""
