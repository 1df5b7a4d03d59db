"""What a page shows, for programs: Statuspage documents, feeds, calendars, badges. Snapshot JSON → bytes, pure.

May know of `hub.domain` alone: no I/O, no clock, no HTTP. docs/feeds.md says what each output holds.
"""
