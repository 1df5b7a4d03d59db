"""Use cases: load → rule → store → event, in the caller's session. Never commit; the edge does, once.

Know SQL and the rules; know no HTTP and no Redis. Every change of a page goes through `hub.services.write`.
"""
