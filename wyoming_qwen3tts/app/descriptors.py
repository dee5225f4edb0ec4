"""File descriptors: as many as we may have, and fewer connections than that."""

from __future__ import annotations

import logging
import resource

from ..settings import Settings

log = logging.getLogger(__name__)

_MOST = 65_536  # some systems allow a thousand million, which other programs go through one by one
_OWN = 128  # files, pipes to children, listening sockets, broker
_PER_CONNECTION = 4  # twice as many connections as the setting says at each of two doors


def raise_descriptors() -> int:
    """Raise the soft limit to the hard one; returns how many there may be now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError) as error:
            log.debug("The limit of file descriptors stays at %d: %s", soft, error)
    return _MOST if soft == resource.RLIM_INFINITY else soft


def within_descriptors(settings: Settings, descriptors: int) -> Settings:
    """``settings`` with no more connections than ``descriptors`` allow; else accepting would fail, again and again."""
    fitting = max(1, (descriptors - _OWN) // _PER_CONNECTION)
    limits = settings.limits
    if limits.connections <= fitting:
        return settings
    log.warning(
        "limits.connections is %d, but this process may have only %d file descriptors: %d connections are served. "
        "Raise the limit, such as by LimitNOFILE= in systemd or ulimit -n",
        limits.connections,
        descriptors,
        fitting,
    )
    fewer = {"connections": fitting, "host_connections": min(limits.host_connections, fitting)}
    return settings.model_copy(update={"limits": limits.model_copy(update=fewer)})
