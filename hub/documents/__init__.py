"""What programs read of a page: Statuspage documents, feeds, calendars, badges. A thin edge over `hub.feeds`.

An endpoint finds out who asks, has the bytes made (or found) by `hub.services.rendered`, and says who may keep them.
docs/feeds.md describes the addresses; may know services and `hub.feeds`, no other edge.
"""
