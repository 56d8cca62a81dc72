"""From matching documents to mergeable partials, and these merged. Packages: ``summaries`` · ``buckets`` · ``metrics``.

``partials`` · ``merge`` · ``fields`` · ``collect``
"""
