"""Connections fit into the file descriptors that there are."""

from __future__ import annotations

import resource

import pytest

from wyoming_qwen3tts.app.descriptors import raise_descriptors, within_descriptors
from wyoming_qwen3tts.settings import Settings


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[1]), before[1]))
    try:
        assert raise_descriptors() == min(before[1], 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_connections_than_descriptors_are_not_served(caplog: pytest.LogCaptureFixture) -> None:
    assert within_descriptors(Settings(), 1024).limits.connections == Settings().limits.connections
    assert not caplog.records
    few = within_descriptors(Settings(), 168).limits
    assert (few.connections, few.host_connections) == (10, 10)
    assert "limits.connections is 64" in caplog.text
    assert within_descriptors(Settings(), 10).limits.connections == 1
