"""The wire, sans-IO: frames, answers and ticks in, effects out (docs/protocol.md).

Knows no socket, clock, loop, Redis or database; time comes in as monotonic seconds.
"""
