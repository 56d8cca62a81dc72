"""Figures about the node, its indices, and what it is doing.

``machine``: memory, disk, files, load.
``nodes``: _nodes.
``stats``: _stats, _segments.
``state``: _cluster/state, _cluster/settings, _cluster/pending_tasks.
``tasks``: _tasks.
"""
