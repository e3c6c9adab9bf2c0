"""The decisions: `decide(state, event) -> effects`, and nothing that can look outside.

No clock, socket, file, logging or randomness in this package; it imports only `ipc` values.
"""
