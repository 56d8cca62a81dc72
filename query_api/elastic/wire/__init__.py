"""One request and its answer: parameters, bodies, errors, names of indices.

``call``: what a handler is given and what it gives back; filter_path, pretty.
``router``: path templates to handlers; unknown parameters.
``errors``: error kinds to Elasticsearch's bodies.
``names``: index expressions.
``blocks``: what may not be done to an index.
``pace``: how long requests of a shape take.
``asgi``: the application: read, run in a thread, answer.
``protocol``: HTTP on a connection; short requests are answered at once.
"""
