"""What somebody meant who typed a flag or a command that does not exist: one of another server, of another command, or
a misspelt one."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class _Foreign(NamedTuple):
    """What another program's flag is here. ``{}`` is its value, ``example`` one where none was given."""

    here: str
    example: str = ""


def _is(here: str, *examples: str) -> _Foreign:
    return _Foreign(here, *examples)


_PORT = _is("--wyoming.uri tcp://0.0.0.0:{} (that of the page and the API is --http.uri)", "10200")
_HOST = _is("--wyoming.uri tcp://{}:10200 (that of the page and the API is --http.uri)", "0.0.0.0")  # noqa: S104
_MODEL = _is("--engine.model {}, a Qwen3-TTS model", "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice")
_DOWNLOADS = _is("--data-dir {}: models are kept below it", "/path/to/folder")
_CARD = _is("--engine.device cuda; a card that works is used by itself")
_KEY = _is("--http.api-keys {}", "NAME:KEY")
_SERVER = _is("--engine.kind remote --engine.urls {}", "http://HOST:8091")
_ITSELF = "nothing: it is chosen by the server itself, so leave it out"

#: By their names without dashes, in small letters: of wyoming-piper, of the other Wyoming servers, of servers at large.
FOREIGN: Mapping[str, _Foreign] = {
    "uri": _is("--wyoming.uri {} (that of the page and the API is --http.uri)", "tcp://0.0.0.0:10200"),
    "port": _PORT,
    "p": _PORT,
    "wyoming-port": _is("--wyoming.uri tcp://0.0.0.0:{}", "10200"),
    "host": _HOST,
    "bind": _HOST,
    "bind-address": _HOST,
    "address": _HOST,
    "ip": _HOST,
    "listen": _is("--wyoming.uri tcp://{}", "0.0.0.0:10200"),
    "http-port": _is("--http.uri tcp://0.0.0.0:{}", "8880"),
    "web-port": _is("--http.uri tcp://0.0.0.0:{}", "8880"),
    "http-host": _is("--http.uri tcp://{}:8880", "0.0.0.0"),  # noqa: S104
    "base-url": _is("--http.base-url {}", "http://192.168.1.20:8880"),
    "cors": _is("--http.origins {}", "https://chat.example.org"),
    "cors-origins": _is("--http.origins {}", "https://chat.example.org"),
    "allowed-origins": _is("--http.origins {}", "https://chat.example.org"),
    "api-key": _KEY,
    "api-keys": _KEY,
    "apikey": _KEY,
    "auth": _KEY,
    "token": _is("--http.api-keys {} for our clients, --homeassistant.token {} for Home Assistant", "KEY"),
    "model": _MODEL,
    "models": _MODEL,
    "m": _MODEL,
    "model-path": _MODEL,
    "model-dir": _DOWNLOADS,
    "models-dir": _DOWNLOADS,
    "download-dir": _DOWNLOADS,
    "cache-dir": _DOWNLOADS,
    "cache": _DOWNLOADS,
    "data": _is("--data-dir {}", "/path/to/folder"),
    "piper": _is("nothing: this server needs no piper. To have Piper stand in: --engine.stand-in tcp://HOST:10200"),
    "speaker": _is("a voice's name, which Home Assistant chooses; see the command voices, and voices.yaml"),
    "voices": _is("the command voices to list them; --voices.mapping FILE for who speaks which language"),
    "length-scale": _is("--audio.speed, from 0.5 (slow) to 2 (fast)"),
    "noise-scale": _is("nothing: the model has no such dial, so leave it out"),
    "noise-w": _is("nothing: the model has no such dial, so leave it out"),
    "noise-w-scale": _is("nothing: the model has no such dial, so leave it out"),
    "sentence-silence": _is("--voices.sentence-pause-s {}", "0.25"),
    "auto-punctuation": _is(_ITSELF),
    "samples-per-chunk": _is("nothing: sound goes out as it is made, so leave it out"),
    "streaming": _is("nothing: every reply is streamed, so leave it out"),
    "no-streaming": _is("nothing: every reply is streamed, so leave it out"),
    "tts-streaming-models": _is("nothing: every reply is streamed, so leave it out"),
    "max-piper-procs": _is("--engine.slots {}: how many replies at the same time", "4"),
    "update-voices": _is("the command download"),
    "use-cuda": _CARD,
    "cuda": _CARD,
    "compute-type": _is("--engine.dtype {} or --engine.quantize int8", "float32"),
    "quantization": _is("--engine.quantize {}", "int8"),
    "beam-size": _is("nothing: that is speech to text, and this is text to speech"),
    "stt-models": _is("nothing: that is speech to text, and this is text to speech"),
    "stt-openai-url": _is("nothing: that is speech to text, and this is text to speech"),
    "tts-openai-url": _SERVER,
    "tts-openai-key": _is("--engine.api-key {}", "KEY"),
    "tts-models": _MODEL,
    "tts-voices": _is("--engine.stand-in-voices {}", "NAME"),
    "tts-speed": _is("--audio.speed {}", "1.0"),
    "url": _is("--engine.urls {} for a server that speaks, --homeassistant.url for Home Assistant", "http://HOST:8091"),
    "languages": _is("--voices.languages {}", "nl,pl"),
    "config-file": _is("--config {}", "FILE"),
    "options": _is("--config {}", "FILE"),
    "c": _is("--config {}", "FILE"),
    "debug": _is("--log-level debug"),
    "d": _is("--log-level debug"),
    "verbose": _is("--log-level debug"),
    "v": _is("--log-level debug, or --version"),
    "quiet": _is("--log-level warning"),
    "q": _is("--log-level warning"),
    "loglevel": _is("--log-level {}", "info"),
    "log-format": _is("nothing: the log has one form, so leave it out"),
    "no-zeroconf": _is("--zeroconf off"),
    "mdns": _is("--zeroconf on"),
    "name": _is("--zeroconf-name {}", "qwen3-tts"),
    "threads": _is(_ITSELF),
    "num-threads": _is(_ITSELF),
    "workers": _is("--engine.slots {}: how many replies at the same time", "4"),
    "max-batch-size": _is("--engine.slots {}: how many replies at the same time", "4"),
    "gpu-memory-utilization": _is("--engine.vram-limit-mb, in MiB", ""),
    "offline": _is("--models.offline on"),
    "local-files-only": _is("--models.offline on"),
    "hf-token": _is("the environment variable HF_TOKEN"),
    "hf-endpoint": _is("--models.endpoint {}", "https://mirror.example"),
    "ssl-cert": _is("nothing: put a proxy with TLS in front of the page, and write its address to --http.base-url"),
    "ssl-certfile": _is("nothing: put a proxy with TLS in front of the page, and write its address to --http.base-url"),
    "cert": _is("--mqtt.certificate {} for the broker; the page has TLS by a proxy in front of it", "FILE"),
    "mqtt-host": _is("--mqtt.host {}", "192.168.1.10"),
    "mqtt-port": _is("--mqtt.port {}", "1883"),
    "mqtt-user": _is("--mqtt.username {}", "NAME"),
    "mqtt-username": _is("--mqtt.username {}", "NAME"),
    "mqtt-password": _is("--mqtt.password {}", "PASSWORD"),
    "mqtt-topic": _is("--mqtt.base-topic {}", "qwen3tts"),
    "ha-url": _is("--homeassistant.url {}", "http://homeassistant.local:8123"),
    "ha-token": _is("--homeassistant.token {}", "TOKEN"),
    "hass-url": _is("--homeassistant.url {}", "http://homeassistant.local:8123"),
    "hass-token": _is("--homeassistant.token {}", "TOKEN"),
}

#: Flags of commands, and what does the same for the server.
_AS_SETTING: Mapping[str, str] = {
    "--language": "--voices.language {}",
    "--voice": "it is chosen in Home Assistant, or in voices.yaml (--voices.mapping FILE)",
    "--instruct": "a style in voices.yaml (--voices.mapping FILE)",
    "--speed": "--audio.speed {}",
    "--volume": "--audio.volume {}",
    "--chime": "--audio.chime on",
    "--sentence-pause": "--voices.sentence-pause-s {}",
    "--feed": "--engine.feed {}",
    "--target": "--announce.targets {}",
    "--gpu": "--engine.device cuda; a card that works is used by itself",
}

SYNONYMS: Mapping[str, str] = {
    "speak": "say", "tts": "say", "synthesize": "say", "synth": "say", "read": "say", "talk": "say", "play": "say",
    "speech": "say", "speek": "say",  # as near to "speed"
    "run": "serve", "start": "serve", "server": "serve", "up": "serve", "launch": "serve", "service": "serve",
    "daemon": "serve",
    "list": "voices", "ls": "voices", "speakers": "voices", "list-voices": "voices", "voice": "voices",
    "install": "download", "fetch": "download", "pull": "download", "get": "download", "models": "download",
    "check": "doctor", "diagnose": "doctor", "diagnostics": "doctor", "info": "doctor", "status": "doctor",
    "test": "doctor", "health": "healthcheck", "ping": "healthcheck", "benchmark": "bench", "speed": "bench",
    "normalize": "spoken", "preview": "spoken", "announcement": "announce", "broadcast": "announce",
    "create": "clone", "record": "clone", "describe": "design", "help": "--help", "version": "--version",
    "completions": "completion",
}  # fmt: skip
_ACTIONS: Mapping[str, str] = {
    "delete": "remove", "rm": "remove", "del": "remove", "forget": "remove", "mix": "blend", "merge": "blend",
    "add": "import", "load": "import", "restore": "import", "save": "export", "backup": "export", "show": "list",
    "ls": "list",
}  # fmt: skip


_ALIKE = 0.76  # by difflib: "spaek" is 0.8 like "speak"; words that only share some letters are less


def find(words: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """What is wrong with the first word that is none of the parser's, and what to type; empty if all are."""
    path: list[str] = []
    top, rest = parser, iter(words)
    for word in rest:
        if word in ("--", "-h", "--help"):
            return ""
        name, equals, value = word.partition("=")
        if _is_flag(name):
            action = parser._option_string_actions.get(name)
            if action is None:
                given = value if equals else next(rest, "")
                return no_flag(name, "" if _is_flag(given) else given, path, top)
            if action.nargs is None and not equals:  # its value is no command
                next(rest, "")
        elif (commands := commands_of(parser)) and word not in commands:
            return no_command(word, commands, path)
        elif commands:
            parser = commands[word]
            path.append(word)
    return ""


def _is_flag(word: str) -> bool:
    """Whether it is typed like one; texts have spaces, and numbers a digit."""
    return len(word) > 1 and word[0] == "-" and " " not in word and word[1] not in ".0123456789"


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Its commands by name; empty if it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def no_command(word: str, commands: Mapping[str, object], path: Sequence[str] = ()) -> str:
    """For a word that stands where a command does."""
    behind = "".join(f"{part} " for part in path)
    if " " in word and not path:
        return f"There is no command {word[:60]!r}. To speak it: wyoming-qwen3tts say {shlex.quote(word[:60])}"
    if "://" in word and not path:
        return f"{word[:80]} stands alone. An address belongs to a flag: --wyoming.uri {word[:80]}"
    if path and word in ("clone", "design", "download", "say"):
        return f"{word} is a command of its own: wyoming-qwen3tts {word}"
    meant = _nearest(word.lower(), commands, _ACTIONS if path else SYNONYMS)
    hint = f"Did you mean {behind}{meant}?" if meant else f"There are: {', '.join(commands)}."
    return f"There is no command '{behind}{word[:40]}'. {hint}"


def _nearest(word: str, commands: Iterable[str], synonyms: Mapping[str, str]) -> str:
    """The command that ``word`` is a synonym of, or one of the two misspelt; empty if it resembles nothing."""
    known = {**synonyms, **{name: name for name in commands}}
    near = difflib.get_close_matches(word, known, n=1, cutoff=_ALIKE)
    return known[near[0]] if near else ""


def no_flag(name: str, value: str, path: Sequence[str], top: argparse.ArgumentParser) -> str:
    """For a flag that the command of ``path`` does not have."""
    every = commands_of(top)
    owners = [command for command, parser in every.items() if name in parser._option_string_actions]
    if owners:
        return _elsewhere(name, value, path, owners)
    foreign = FOREIGN.get(name.lstrip("-").lower().replace("_", "-"))
    if foreign is not None:
        here = foreign.here.replace("{}", shlex.quote(_bare(value, foreign)) if value else foreign.example)
        return f"There is no flag {name}. Here it is {here}."
    flags = {flag for parser in (top, *every.values()) for flag in parser._option_string_actions}
    near = difflib.get_close_matches(name, flags, n=1)
    return f"There is no flag {name[:80]}." + (f" Did you mean {near[0]}?" if near else " See --help.")


def _bare(value: str, foreign: _Foreign) -> str:
    """Without ``tcp://`` where we write that ourselves."""
    return value.removeprefix("tcp://") if "tcp://{}" in foreign.here else value


def _elsewhere(name: str, value: str, path: Sequence[str], owners: Sequence[str]) -> str:
    listed = " and ".join(filter(None, (", ".join(owners[:-1]), owners[-1])))
    kind = "the command" if len(owners) == 1 else "the commands"
    if path and path != ["serve"]:
        return f"{name} is a flag of {kind} {listed}, not of {' '.join(path)}."
    told = f"{name} is a flag of {kind} {listed}, behind it: wyoming-qwen3tts {owners[0]} ... {name} {value}".rstrip()
    setting = _AS_SETTING.get(name)
    return f"{told}. For the server: {setting.replace('{}', value or 'VALUE')}" if setting else f"{told}."
