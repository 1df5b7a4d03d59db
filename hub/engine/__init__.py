"""Channels on this node: members, rings, gap detection, fan-out, slow-consumer policy (docs/guarantees.md).

Moves bytes between a broker and transports; knows no HTTP, no SQL and no incident.
"""
