"""The edges: HTTP, sockets, settings and commands. They translate; no decision is taken here.

Nothing is imported here: offline commands must not pay for the web framework. See `server.assembly`.
"""
