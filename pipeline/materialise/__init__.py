"""The stream worker: log records become segments, exactly once.

``apply`` — decide records in log order (``decisions``) and build in-memory segments
``dead_letters`` — records that cannot be indexed
``live_segments`` — the segments of a partition while they change
``gauges`` — a partition's state as gauges
``state`` — when to refresh, commit, compact and merge
``merge_policy`` — which segments to merge next
``merger`` — carry out merges
``commit`` — segments and log offset in one atomic batch, and the way back
``parts`` — what a worker is made of
``jobs`` — compactions, commits and merges beside applying
``worker`` — the shell: thread, lock, executors
"""
