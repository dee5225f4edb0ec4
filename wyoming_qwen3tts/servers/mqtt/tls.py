"""TLS context for the connection to the MQTT broker."""

from __future__ import annotations

import ssl

from ...errors import SettingsError
from ...settings import Mqtt


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """What we trust, and our certificate.

    Raises:
        SettingsError: if a file cannot be read, or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
    except OSError as error:  # an SSLError is one too
        raise SettingsError(f"mqtt.ca: cannot use {settings.ca}: {error.strerror or error}") from None
    if settings.certificate:
        try:
            context.load_cert_chain(settings.certificate, settings.key or None)
        except OSError as error:
            files = " and ".join(filter(None, (settings.certificate, settings.key)))
            raise SettingsError(f"mqtt.certificate: cannot use {files}: {error.strerror or error}") from None
    return context
