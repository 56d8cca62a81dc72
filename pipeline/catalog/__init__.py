"""The control log: which indices there are, with which mappings, decided by a deterministic fold.

``names`` — what an index may be called, and its topic
``commands`` — what may be proposed, and its bytes
``state`` — what the control log says
``aliases``, ``templates`` — other names of indices; what new ones begin with
``fold`` — (state, command) to (state, outcome)
``catalog`` — follow the log, propose, answer
"""
