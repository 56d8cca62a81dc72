"""Search one partition at one point in time."""
