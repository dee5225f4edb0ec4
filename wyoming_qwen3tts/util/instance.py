"""Which process this is, among servers that ask each other: two that stand in for one another find it out by this."""

import secrets

INSTANCE = secrets.token_hex(8)
