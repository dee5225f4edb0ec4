"""Why there is no connection, in words that say what to do. Never with a password: these come from the libraries'
messages, which have none."""

from __future__ import annotations

import re

from ...errors import first_line

_ADVICE = (
    (
        r"not authori[sz]ed|bad user name|bad username|refused: bad",
        "it refuses us: mqtt.username or mqtt.password is wrong",
    ),
    (
        r"certificate_verify_failed|certificate verify failed",
        "its certificate is not signed by anybody we trust, or for another name: set mqtt.ca, and mqtt.host to "
        "the name in the certificate",
    ),
    (
        r"certificate required|handshake failure|bad_certificate|peer did not return",
        "it wants a certificate of ours: set mqtt.certificate and mqtt.key",
    ),
    (
        r"wrong_version_number|unexpected_eof|eof occurred|record layer|ssl.*timed out",
        "it speaks no TLS on this port: set mqtt.tls off, or the other port",
    ),
    (r"disconnected during|lost connection|unexpected disconnection", "the connection broke"),
    (
        r"hung up before|operation timed out",
        "it does not answer: is it a broker, and does this port want TLS (mqtt.tls)?",
    ),
    (
        r"name or service not known|nodename nor|name resolution|no address associated",
        "there is no such host: mqtt.host",
    ),
    (r"connection refused", "nothing listens there: start the broker, or correct mqtt.host and mqtt.port"),
)


_TLS_ADVICE = (
    (r"reset by peer", "it speaks no TLS on this port: set mqtt.tls off, or the other port"),
    (r"hung up before", "it hung up: if it wants a certificate of ours, set mqtt.certificate and mqtt.key"),
)


def why(error: BaseException, *, tls: bool = False) -> str:
    """The reason of ``error``, and what to do."""
    said = first_line(error)
    for pattern, advice in (*(_TLS_ADVICE if tls else ()), *_ADVICE):
        if re.search(pattern, said, re.IGNORECASE):
            return f"{advice} ({said})"
    return said
