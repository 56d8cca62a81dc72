"""One question to many partitions, one answer back.

``ports``: what a partition can be asked.
``contexts``: points in time that are kept between requests.
``tasks``: work that goes on after its request was answered.
``services``: what the composition root gives to the dialects.
``lookup``: documents by id.
``freshness``: how far each partition is.
``scatter``: ask all, with one deadline; keep what failed and say so.
``ranking``: the best hits of several partitions in one order.
``local``: partitions in this process.
"""
