"""From the outbox table to the broker: the one place that publishes.

May know the outbox service, the broker port and PostgreSQL's notifications; knows no HTTP, no page and no incident.
See docs/guarantees.md: duplicates are harmless, losses cannot happen, and any node may take over.
"""
