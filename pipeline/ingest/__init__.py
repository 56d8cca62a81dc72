"""Accept a write: check it, route it, append it, acknowledge it.

``ports`` — writes, outcomes, and what the REST side may ask
``check`` — what can be refused at the door
``backpressure`` — refuse early, or let wait: what is in flight, what lies before a partition
``writer`` — the use case: check, route, append, wait for the decision
``indices`` — the use case of creating, changing and deleting indices
"""
