"""What is sent, against the request classes of vLLM-Omni itself: where it is installed, or its wheel is named.

``VLLM_OMNI_WHEEL=vllm_omni-0.32.0rc1-py3-none-any.whl script/test tests/engine/remote``; fetched by
``pip download --no-deps vllm-omni==0.32.0rc1``. The file of its classes needs pydantic and numpy alone; nothing else of
it is run.
"""

from __future__ import annotations

import os
import sys
import types
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, ValidationError

from tests.engine.remote.speech_server import TONE, speech_server
from tests.engine.remote.test_engine import asking, remote, speech
from tests.engine.remote.test_live import DONE, NATIVE, done, says, start, written
from tests.engine.remote.test_live import asking as asking_live

_OPENAI = "entrypoints/openai"
Source = Callable[[str], str]


def _wheel(path: str) -> Source:
    def read(name: str) -> str:
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(f"vllm_omni/{name}").decode()

    return read


@pytest.fixture(scope="module")
def source() -> Source:
    """Its files, by name."""
    if path := os.environ.get("VLLM_OMNI_WHEEL"):
        return _wheel(path)
    spec = find_spec("vllm_omni")  # which imports nothing of it
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("vLLM-Omni is not installed, and VLLM_OMNI_WHEEL names no wheel of it")
    folder = Path(spec.submodule_search_locations[0])
    return lambda name: (folder / name).read_text()


@pytest.fixture(scope="module")
def classes(source: Source) -> Any:
    """Its request classes."""
    module = types.ModuleType("vllm_omni_audio_protocol")
    sys.modules[module.__name__] = module  # pydantic looks for it there
    exec(compile(source(f"{_OPENAI}/protocol/audio.py"), "audio.py", "exec"), module.__dict__)
    yield module
    del sys.modules[module.__name__]


def _names(of: type[BaseModel]) -> set[str]:
    names = set()
    for name, field in of.model_fields.items():
        alias = field.validation_alias
        names |= {str(choice) for choice in alias.choices} if isinstance(alias, AliasChoices) else {name}
    return names


async def _asked() -> list[dict[str, Any]]:
    """Bodies as they leave this server: a speaker with everything, and an uploaded voice."""
    async with speech_server() as server, remote(server) as engine:
        await speech(engine, asking(engine, seed=7, instruct="Whisper."))
        await speech(engine, asking(engine, name="grandma"))
    return server.bodies


async def test_every_field_of_a_request_is_known_there_and_valid(classes: Any) -> None:
    request: type[BaseModel] = classes.OpenAICreateSpeechRequest
    for body in await _asked():
        assert body.keys() <= _names(request)
        read = request.model_validate(body)
        sent = {name: value for name, value in body.items() if name in request.model_fields}
        assert {name: getattr(read, name) for name in sent} == sent
    with pytest.raises(ValidationError):  # it does check values
        request.model_validate(body | {"task_type": "Bass"})


async def test_the_configuration_of_a_session_is_known_there_and_valid(classes: Any) -> None:
    config: type[BaseModel] = classes.StreamingSpeechSessionConfig
    async with speech_server() as server, remote(server) as engine:
        server.live = says(start(**NATIVE), TONE, done(), DONE)
        await speech(engine, asking_live(engine, written(), seed=7, instruct="Whisper."))
    (session,) = server.sessions
    session = {name: value for name, value in session.items() if name != "type"}

    assert session.keys() <= _names(config)
    read = config.model_validate(session)
    assert {name: getattr(read, name) for name in session} == session


def test_the_doors_and_messages_are_those_of_its_server(source: Source) -> None:
    server, stream = source(f"{_OPENAI}/api_server.py"), source(f"{_OPENAI}/serving_speech_stream.py")
    for door in ("/v1/audio/speech", "/v1/audio/voices", "/v1/audio/speech/stream", "/health"):
        assert f'"{door}"' in server
    for message in ("session.config", "input.text", "input.done", "audio.start", "audio.done", "session.done", "error"):
        assert f'"{message}"' in stream
    assert '"commitment"' in source(f"{_OPENAI}/protocol/audio.py")


def test_an_uploaded_voice_is_listed_as_it_is_read_here(source: Source) -> None:
    assert '"uploaded_voices"' in source(f"{_OPENAI}/api_server.py")
