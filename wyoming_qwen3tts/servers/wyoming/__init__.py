"""The door that Home Assistant uses: the Wyoming protocol over TCP, with a reader of our own.

The ``wyoming`` library gives the event types; its reader and server have no limits and no time-outs.
"""
