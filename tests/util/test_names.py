"""The allow-list: whatever comes in, what comes out is taken by a broker, a file system and a header."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.util.names import LONGEST, is_safe_name, safe_name

ANY_TEXT = st.text(st.characters(), max_size=200) | st.text("ab/+#$\0\u0001\ufffe\ufdd0\ud800\U0001ffff .", max_size=80)
NO_CHARACTERS = {*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF))}


@given(ANY_TEXT, ANY_TEXT)
def test_what_comes_out_is_safe_stays_as_it_is_and_two_stay_two(one: str, other: str) -> None:
    name = safe_name(one)
    assert is_safe_name(name)
    assert safe_name(name) == name
    assert len(name) <= LONGEST
    assert not set(name) & set("+#/\\$ \r\n\0:*?\"'<>|;")
    assert not any(unicodedata.category(char)[0] in "CZ" or ord(char) in NO_CHARACTERS for char in name)
    assert (safe_name(other) == name) == (other == one)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_TEXT)
def test_it_is_a_file_in_its_folder(tmp_path: Path, text: str) -> None:
    path = tmp_path / safe_name(text)
    if len(path.name.encode()) < 255:
        path.write_bytes(b"")
        assert path.parent == tmp_path
        path.unlink()


@pytest.mark.parametrize("name", ["kitchen", "a-b_c.d", "Küche", "厨房", "रसोई", "7", "x" * 64])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a b", "x" * 65, "a\u0001b", "a\ud800"])
def test_what_is_no_name_becomes_another(name: str) -> None:
    assert not is_safe_name(name)
    assert safe_name(name) != name
