"""Thin edges of the live stream: WebSocket and SSE on one side, protocol and engine on the other.

May know Starlette, uvicorn, the protocol and the engine; knows no SQL and no incident. See docs/architecture.md.
"""
