"""Settings: three spellings of the same names, and errors that say what to write instead."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.settings.generate import files, option_names
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.settings import Address, Limits, is_secret, parse_address, sources, walk
from wyoming_qwen3tts.settings.reference import MOST_USED
from wyoming_qwen3tts.settings.sources import flag, load, variable


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("engine: {slots: 2}\nlimits:\n  queue: 7\n  text-chars: 100\nzeroconf: off\nhttp: {uri: off}\n")

    settings = load(
        {"engine.slots": "9"}, {"QWEN3TTS_ENGINE__SLOTS": "3", "QWEN3TTS_LIMITS__QUEUE": "8", "PATH": "/bin"}, file
    )

    assert (settings.engine.slots, settings.limits.queue, settings.limits.text_chars) == (9, 8, 100)
    assert settings.zeroconf is False


def test_the_file_may_be_json_and_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "options.json"
    file.write_text('{"wyoming": {"uri": "tcp://[::1]:10201"}}')

    assert load({}, {"QWEN3TTS_CONFIG": str(file)}).wyoming.address == Address("::1", 10201)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("engine: {slot: 4}", "Did you mean 'engine.slots'"),
        ("slots: 4", "Did you mean 'engine.slots'"),
        ("engine: 4", "there is no setting called 'engine'"),
        ("limits: {text_chars: many}", "limits.text_chars (in"),
        ("- a list", "not a list"),
        ("engine: {slots: [", "not YAML: line 1"),
        ("engine: {kind: cloud}", "must be auto, builtin, qwen3, remote or wyoming, not 'cloud'"),
        ("wyoming: {uri: 'http://x:1'}", "tcp://0.0.0.0:10200 (or tcp://[::]:10200); here: tcp://x:1"),
        ("wyoming: {uri: 'tcp://x'}", "the port is missing: tcp://x:10200"),
        ("http: {uri: 'http://127.0.0.1'}", "the port is missing: tcp://127.0.0.1:8880"),
        ("http: {uri: 'https://127.0.0.1:8880'}", "for https put a proxy in front"),
        ("homeassistant: {url: 'homeassistant.local:8123'}", "http:// is missing: http://homeassistant.local:8123"),
        ("models: {endpoint: mirror.example}", "https:// is missing: https://mirror.example"),
        ("engine: {urls: 'tcp://x:1'}", "must begin with http:// or https://, such as http://192.168.1.30:8091"),
        ("mqtt: {host: 'mqtt://127.0.0.1'}", "write it without mqtt://, as 127.0.0.1; the port is mqtt.port"),
        ("mqtt: {host: '127.0.0.1:1883'}", "mqtt.host 127.0.0.1, mqtt.port 1883"),
        ("mqtt: {password: 12345}", "must be text. YAML takes it for a number or a date: put it in quotes"),
        ("voices: {language: no}", "YAML takes a bare yes, no, on or off for a switch: put it in quotes"),
        ("voices: {languages: [nl, no]}", "put it in quotes"),
    ],
)
def test_a_bad_file_names_the_setting_and_what_is_right(tmp_path: Path, content: str, message: str) -> None:
    """F43."""
    file = tmp_path / "options.yaml"
    file.write_text(content)

    with pytest.raises(SettingsError) as caught:
        load({}, {}, file)

    assert message in str(caught.value)


_ACCIDENTS = (
    "5", "5.5", "-1", "1e99", ".inf", ".nan", "99999999999999999999", "true", "no", "[]", "[1]", "[no]", "[[a]]",
    "2024-01-01", "12:30", "text", "''", "'a b'", "host:8123", "mqtt://1.2.3.4", "http://1.2.3.4", "'[::'", "'{'",
)  # fmt: skip
_INSIDE = re.compile(
    r"pydantic|\binput\b|\bvalid\b|\binstance\b|\btype\b|None|True|False|Secret|annotat"
    r"|\b(int|str|bool|float|tuple|dict|string|integer|boolean|datetime|Path|Literal)\b"
)


@pytest.mark.parametrize("name", [name for name, _ in walk()])
def test_no_message_about_a_value_names_what_the_program_is_made_of(name: str, tmp_path: Path) -> None:
    """A wrong kind, a missing scheme, and what YAML makes of a bare word."""
    file = tmp_path / "options.yaml"
    *sections, last = name.split(".")
    lines = [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections)]
    said = []
    for value in _ACCIDENTS:
        file.write_text("\n".join([*lines, f"{'  ' * len(sections)}{last}: {value}"]))
        try:
            load({}, {}, file)
        except SettingsError as error:
            said.append(str(error))

    assert not [line for line in said if _INSIDE.search(line.replace(str(file), "").replace(name, ""))]
    assert all(line.startswith(f"{name} (in {file}): ") for line in said)
    assert said


def test_the_pages_address_may_be_written_as_a_browser_has_it() -> None:
    assert load({"http.uri": "http://0.0.0.0:8880"}, {}).http.address == Address("0.0.0.0", 8880)
    assert load({"http.uri": "HTTP://[::1]:8880/"}, {}).http.address == Address("::1", 8880)


@pytest.mark.parametrize("what", ["missing", "a folder", "not UTF-8"])
def test_an_unreadable_file_is_named(tmp_path: Path, what: str) -> None:
    """F43."""
    file = tmp_path if what == "a folder" else tmp_path / "options.yaml"
    if what == "not UTF-8":
        file.write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match="Cannot read the options file"):
        load({}, {}, file)


def test_a_misspelt_variable_stops_the_start_with_the_nearest_right_one() -> None:
    """F43: pydantic-settings would not notice."""
    with pytest.raises(SettingsError, match="Did you mean QWEN3TTS_ENGINE__SLOTS"):
        load({}, {"QWEN3TTS_ENGINE__SLOT": "4"})


def test_a_bad_value_says_where_it_came_from() -> None:
    with pytest.raises(SettingsError, match=r"engine\.slots \(from the environment variable QWEN3TTS_ENGINE__SLOTS\)"):
        load({}, {"QWEN3TTS_ENGINE__SLOTS": "0"})


def test_more_slots_than_a_machine_has_room_for_are_for_engines_elsewhere() -> None:
    assert load({"engine.slots": "1024", "engine.kind": "remote"}, {}).engine.slots == 1024
    assert load({"engine.slots": "64"}, {}).engine.slots == 64
    with pytest.raises(SettingsError, match=r"engine\.slots.*at most 64"):
        load({"engine.slots": "65"}, {})
    with pytest.raises(SettingsError, match=r"engine\.slots"):
        load({"engine.slots": "1025", "engine.kind": "remote"}, {})


def test_an_unknown_option_of_the_add_on_is_only_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"engine": {"slots": 2, "turbo": true}}')
    monkeypatch.setattr(sources, "ADDON_OPTIONS", options)

    settings = load({}, {"SUPERVISOR_TOKEN": "x"})

    assert settings.engine.slots == 2
    assert "engine.turbo" in caplog.text


def test_an_empty_field_of_the_add_ons_form_sets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    options = tmp_path / "options.json"
    options.write_text(
        '{"engine": {"slots": null, "model": "", "dtype": null}, "voices": {}, "mqtt": {"port": null, "host": ""}, '
        '"http": {"api_keys": []}, "gone": null, "zeroconf_name": ""}'
    )
    monkeypatch.setattr(sources, "ADDON_OPTIONS", options)

    assert load({}, {"SUPERVISOR_TOKEN": "x"}) == load({}, {})
    assert not caplog.text


def test_an_error_in_the_add_ons_options_is_said_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"engine": {"slots": 0}, "mqtt": {"port": 99999}}')
    monkeypatch.setattr(sources, "ADDON_OPTIONS", options)

    with pytest.raises(SettingsError) as caught:
        load({}, {"SUPERVISOR_TOKEN": "x"})

    assert str(caught.value).splitlines() == [
        "engine.slots (in the add-on's configuration): must be at least 1, not '0'",
        "mqtt.port (in the add-on's configuration): must be at most 65535, not '99999'",
    ]


def test_flags_and_environment_win_over_the_add_ons_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"engine": {"slots": 2}, "voices": {"language": "de"}, "limits": {"queue": 5}}')
    monkeypatch.setattr(sources, "ADDON_OPTIONS", options)

    settings = load({"limits.queue": "7"}, {"SUPERVISOR_TOKEN": "x", "QWEN3TTS_ENGINE__SLOTS": "3"})

    assert (settings.engine.slots, settings.voices.language, settings.limits.queue) == (3, "de", 7)


def test_outside_the_add_on_its_options_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"engine": {"slots": 2}}')
    monkeypatch.setattr(sources, "ADDON_OPTIONS", options)

    assert load({}, {}) == load({}, {"PATH": "/bin"})
    assert load({}, {}).engine.slots == 4


def test_a_line_without_a_value_sets_nothing_but_must_be_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("engine:\n  model:\n")
    assert load({}, {}, file) == load({}, {})
    file.write_text("engine:\n  modle:\n")

    with pytest.raises(SettingsError, match=r"engine\.model"):
        load({}, {}, file)


def test_only_what_differs_from_the_defaults_is_logged() -> None:
    flags = {"engine.slots": "8", "zeroconf": "off", "voices.languages": "nl,pl", "audio.speed": "1.5"}
    flags |= {"mqtt.password": "secret", "data_dir": "/somewhere"}

    told = sources.describe(load(flags, {}))

    assert told == "--engine.slots 8 --voices.languages nl,pl --audio.speed 1.5 --zeroconf off"
    assert sources.describe(load({}, {})) == "all defaults"


def test_secrets_are_never_in_an_error() -> None:
    """Whatever setting becomes a secret, its value stays out of messages."""
    secret_words = ("password", "token", "api_key")
    assert all(is_secret(field) for name, field in walk() if any(word in name for word in secret_words))

    with pytest.raises(SettingsError) as caught:
        load({"homeassistant.token": 7}, {})  # type: ignore[dict-item]  # as from a file

    assert "7" not in str(caught.value)


@pytest.mark.parametrize("uri", ["tcp://host", "tcp://:1", "tcp://h:99999", "udp://h:1", "", "tcp://h:1/path"])
def test_an_address_that_is_none_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        parse_address(uri)


def test_every_limit_is_finite_and_has_a_reason() -> None:
    for name, field in Limits.model_fields.items():
        assert field.description, name
        assert field.metadata or name == "host_connections", name


@pytest.mark.parametrize("name", ["config/wyoming-qwen3tts.yaml", "docs/settings.md"])
def test_what_is_made_of_the_settings_is_current(name: str) -> None:
    """``script/reference-config`` writes it."""
    assert (ROOT / name).read_text(encoding="utf-8") == files()[ROOT / name], "run script/reference-config"


def test_the_page_names_every_setting_with_flag_variable_and_option() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `--")]

    for name, _ in walk():
        shown = [row for row in rows if row.startswith(f"| `{flag(name)}` | `{variable(name)}` |")]
        assert len(shown) == 1 + (name in MOST_USED), name
        if name in option_names():
            assert all(row.endswith(f"| {option_names()[name]} |") for row in shown), name
    assert len(set(MOST_USED)) == 12


def test_the_reference_file_sets_nothing_but_can_be_loaded() -> None:
    file = ROOT / "config" / "wyoming-qwen3tts.yaml"
    assert load({}, {}, file) == load({}, {})


def test_every_line_of_the_reference_file_is_a_valid_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes the comment sign away gets the default."""
    file = ROOT / "config" / "wyoming-qwen3tts.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("## ")]
    live = tmp_path / "live.yaml"
    live.write_text("\n".join(line.replace("# ", "", 1) for line in lines))
    monkeypatch.delenv("XDG_DATA_HOME")

    assert load({}, {}, live) == load({}, {})


def test_the_data_folder_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(key, raising=False)

    assert load({}, dict(os.environ)).data_dir == Path("/tmp/wyoming-qwen3tts")


CANARY = "canary-5ecret"
URLS = [name for name, field in walk() if "url" in str(field.metadata).lower() or "url" in name or "endpoint" in name]


def test_the_settings_that_hold_addresses_are_known() -> None:
    """A new one is to be held against passwords too."""
    assert set(URLS) >= {"http.base_url", "homeassistant.url", "engine.urls", "models.endpoint"}


@pytest.mark.parametrize("name", [*URLS, "wyoming.uri", "http.uri", "mqtt.host"])
@pytest.mark.parametrize(
    "value",
    [
        f"http://user:{CANARY}@host", f"http://{CANARY}@host/", f"https://host/?token={CANARY}", f"tcp://u:{CANARY}@h:1",
        f"mqtt://user:{CANARY}@host", f"user:{CANARY}@host",
    ],
)  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: value}, {})
    assert name in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, field in walk() if is_secret(field)])
def test_a_secret_is_in_no_line_about_the_settings(name: str) -> None:
    settings = load({name: CANARY}, {})
    assert CANARY not in sources.describe(settings)
    assert CANARY not in repr(settings)


@pytest.mark.parametrize("keys", ["phone:", "phone: ", ":", "short", "a:short", "phone:1234567", ["good-enough", ""]])
def test_a_key_that_can_be_guessed_is_refused(keys: object) -> None:
    with pytest.raises(SettingsError, match="at least 8 characters") as caught:
        load({"http.api_keys": keys}, {})  # type: ignore[dict-item]  # as from a file
    assert "short" not in str(caught.value)
