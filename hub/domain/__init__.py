"""The rules of a status page as pure functions: values in, values out.

Knows no socket, clock, loop or database; time comes in as an argument. See docs/architecture.md.
"""
