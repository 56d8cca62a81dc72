"""An index is a function of its log: build it again, compare it, and show where a document came from.

``ports`` — what may be asked, and what is answered
``operations`` — the use cases: jobs in threads, resumable
``window`` — a log up to an offset, at a rate; the past
``upkeep`` — directories opened, put aside, swapped, reopened
``past`` — the mapping as it was
``directories`` — where a partition lies, which directory is the live one
``rebuild`` — grow a partition from its log, with progress
``verify`` — compare two partitions at one offset, and name the documents that differ
``sample`` — a cheap look in the background
``history`` — the events that made a document
``redrive`` — send dead letters again
"""
