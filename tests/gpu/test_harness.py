"""What the tests on a card rest on, where there is none."""

from __future__ import annotations

import os

import pytest
import torch

from tests.conftest import _open_files


@pytest.mark.parametrize("has_context", [False, True])
def test_nameless_files_are_forgiven_only_where_a_driver_may_have_opened_them(
    monkeypatch: pytest.MonkeyPatch, has_context: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: has_context)
    before = _open_files()
    opened = [*os.pipe(), os.eventfd(0)]
    try:
        found = _open_files() - before
    finally:
        for number in opened:
            os.close(number)

    assert len(found) == (0 if has_context else len(opened))
