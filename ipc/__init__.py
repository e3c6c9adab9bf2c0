"""The contract between the two programs: messages, codec, reasons, endpoints, clock.

This package may import nothing of ours; everything else may import its values.
"""
