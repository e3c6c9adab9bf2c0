"""The guarded loop: feed, strategy, gate, orders. It may never send what the gate did not approve.

It imports `ipc` and `broker_api` only; it never imports the sentinel.
"""
