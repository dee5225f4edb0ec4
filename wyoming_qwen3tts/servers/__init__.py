"""Bytes to requests and back: Wyoming, HTTP, MQTT. The three know nothing of each other; what Wyoming and HTTP share is
here.

MQTT is a client of its broker, and serves requests all the same.
"""
