"""What a record comes to, decided in log order: the same for every replay, however the log was cut.

``runs`` — cut a batch into runs
``checks`` — what is wrong with a record, whatever the mapping says
``updates`` — partial updates
``decide_kernels`` — versions, conflicts, sequence numbers
``conflicts`` — conflicts in words
``requests`` — retried requests are decided once
``outcomes`` — what was decided for recent offsets
"""
