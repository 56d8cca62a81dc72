"""Accept a write: check it, route it, append it, acknowledge it.

``ports`` — writes, outcomes, and what the REST side may ask
``check`` — what can be refused at the door
``backpressure`` — refuse early: what is in flight
``writer`` — the use case: check, route, append, wait for the decision
``indices`` — the use case of creating, changing and deleting indices
"""
