"""What a person is told: texts, routes, de-duplication, and the process that sends.

May import `ipc` alone; nothing here decides anything about orders.
"""
