"""Status Hub: a status page that moves by itself.

`hub.app.create_app` wires everything; `docs/architecture.md` is the map.
"""

__version__ = "0.1.0"
