"""REST: decode, call one service, wrap the answer. Knows HTTP and services; no SQL, no rules about incidents.

`routes.py` is the map, docs/architecture.md the story.
"""
