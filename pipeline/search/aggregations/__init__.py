"""From matching documents to mergeable partials, and these merged. Packages: ``summaries`` · ``buckets`` · ``metrics``.

``names`` · ``partials`` · ``merge`` · ``fields`` · ``collect``
"""
