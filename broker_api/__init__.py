"""The venue: one small protocol for trading, one for oversight, and what speaks them.

This package may import `ipc` and nothing else of ours.
"""
