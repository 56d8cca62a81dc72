"""The REST side: parse, fan out, merge, render.

``app``: composition root of the API process: settings in, ASGI app out.
"""
