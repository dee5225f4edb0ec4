"""Builds the images, starts them as a container would be, and asks them to speak. See script/image-test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.addon import natural_voice
from tests.conftest import ROOT
from tests.downloads.hub import LoopbackHub, loopback_hub
from tests.harness import free_port
from tests.homeassistant.fake_supervisor import FakeSupervisor, fake_supervisor
from tests.image.build import CUDA_BASE, PYTHON_BASE, base_image, build, buildah, config, mounted, size_mb
from wyoming_qwen3tts import PROGRAM
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address

UID = 10001
# A container in short: the image read-only, /tmp in memory, /data and a few devices from outside, no capability.
_CONTAINER = r"""
set -e
mount --bind "$TREE" "$TREE"
mount -o remount,bind,ro "$TREE"
mount -t tmpfs -o mode=1777 tmpfs "$TREE/tmp"
mount -t proc proc "$TREE/proc"
mount -t tmpfs -o mode=755 tmpfs "$TREE/dev"
for name in null zero random urandom; do
  touch "$TREE/dev/$name"
  mount --bind "/dev/$name" "$TREE/dev/$name"
done
mkdir -p -m 1777 "$TREE/dev/shm"
mount --bind "$DATA" "$TREE/data"
if [ "$USER_ID" = 0 ]; then exec chroot "$TREE" "$@"; fi
exec chroot "$TREE" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --no-new-privs --bounding-set=-all \
  --inh-caps=-all "$@"
"""


@contextmanager
def started(
    tree: Path, image: dict[str, Any], data: Path, log: Path, *, user: int, environ: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The image's entry point in its tree, with its own environment and nothing of ours."""
    inside = dict(variable.split("=", 1) for variable in image["Env"]) | environ
    command = ["env", "-i", *(f"{name}={value}" for name, value in inside.items())]
    command += [*image["Entrypoint"], *image["Cmd"]]
    outside = {"PATH": os.environ["PATH"], "TREE": str(tree), "DATA": str(data), "USER_ID": str(user)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", _CONTAINER, "container", *command], env=outside, stderr=file
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def answering(address: Address, within_s: float) -> float:
    began = time.monotonic()
    while True:
        try:
            async with connect(address) as client:
                programs = (await client.describe())["tts"]
            break
        except OSError:
            if time.monotonic() - began > within_s:
                raise
            await asyncio.sleep(0.05)
    assert [program["name"] for program in programs] == [PROGRAM]
    return time.monotonic() - began


async def speaking(address: Address) -> dict[str, float]:
    """Seconds of sound and of waiting, by language."""
    heard = {}
    for language, text in {"en": "The washing machine is done.", "de": "Die Waschmaschine ist fertig."}.items():
        async with connect(address) as client:
            spoken = await client.speak(text, streaming=False, voice=f"builtin-{language}")
        assert spoken.audio_s > 1, f"{language}: {spoken.audio_s} s"
        assert max(spoken.pcm) > 0
        heard[language] = round(spoken.audio_s, 1)
    return heard


def check(
    name: str,
    image: str,
    *,
    user: int,
    supervisor: FakeSupervisor | None = None,
    hub: LoopbackHub | None = None,
) -> dict[str, Any]:
    """Start, describe, speak, be healthy, stop; what was measured. With a ``hub`` the natural voice is on, comes from
    there, and is heard."""
    settings = config(image)
    assert settings["Healthcheck"]["Test"] == ["CMD", "wyoming-qwen3tts", "healthcheck"], settings
    assert settings["User"] == str(user), settings["User"]
    container, tree = mounted(image)
    port = free_port()
    environ = {
        "QWEN3TTS_WYOMING__URI": f"tcp://127.0.0.1:{port}",
        "QWEN3TTS_ZEROCONF": "off",
        "QWEN3TTS_HTTP__URI": "off",
    }
    http = free_port()
    environ |= supervisor.environ if supervisor else {}
    if hub:
        environ |= natural_voice.PATIENT | {"HF_ENDPOINT": hub.url, "QWEN3TTS_HTTP__URI": f"tcp://127.0.0.1:{http}"}
    result: dict[str, Any] = {"image": name, "size_mb": size_mb(tree)}
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder, "data"), Path(folder, "log")
        data.mkdir()
        if not supervisor:
            os.chown(data, UID, UID)  # as a new volume: made from the image's own /data
        else:
            options = {"voices": {"language": "de"}, "of_a_later_version": 1} | (natural_voice.OPTIONS if hub else {})
            data.joinpath("options.json").write_text(json.dumps(options))
        try:
            with started(tree, settings, data, log, user=user, environ=environ) as process:
                address = Address("127.0.0.1", port)
                result["describe_after_s"] = round(asyncio.run(answering(address, 20)), 2)
                result["runs_as"] = Path(f"/proc/{process.pid}/status").read_text().split("Uid:\t")[1].split("\t")[0]
                assert result["runs_as"] == str(UID)
                if hub:
                    result["natural_voice"] = asyncio.run(natural_voice.hear(address, http, hub))
                else:
                    result["speech_s"] = asyncio.run(speaking(address))
                if supervisor:
                    result["announced"] = announced(supervisor)
                result["root_is_read_only"] = is_read_only(process.pid)
                process.send_signal(signal.SIGTERM)
                result["exit_code"] = process.wait(10)
            assert result["exit_code"] == 0
            said = log.read_text()
            assert "Traceback" not in said, said
            assert ("of_a_later_version" in said) is bool(supervisor)
            if hub:
                natural_voice.check_log(said)
        except BaseException:
            sys.stderr.write(log.read_text())
            raise
        finally:
            buildah("rm", container)
    return result


def announced(supervisor: FakeSupervisor) -> str:
    for _ in range(100):
        if found := [body for _, path, body in supervisor.asked if path == "/discovery"]:
            uri = str(found[0]["config"]["uri"])
            assert uri.startswith("tcp://"), found
            return uri
        time.sleep(0.05)
    raise AssertionError("never announced to the Supervisor")


def is_read_only(pid: int) -> bool:
    mounts = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    root = next(fields for fields in map(str.split, mounts) if fields[4] == "/")
    assert "ro" in root[5].split(","), root
    return True


def told(result: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()  # at once: the next image takes minutes


def main(wanted: list[str]) -> int:
    docker = ROOT / "docker/Dockerfile"
    python = base_image(PYTHON_BASE, "python3", "python3-venv", "python3-pip", "python-is-python3")
    if "cpu" in wanted:
        image = build("localhost/qwen3tts:cpu", dockerfile=docker, context=ROOT, BASE_IMAGE=python)
        told(check("cpu", image, user=UID))
    if "addon" in wanted:
        # As the add-on's own Dockerfile, but for the program, which comes from this folder: no tag to fetch yet.
        image = build("localhost/qwen3tts:addon", dockerfile=docker, context=ROOT, BASE_IMAGE=python, RUN_AS="0")
        with fake_supervisor() as supervisor:
            told(check("addon", image, user=0, supervisor=supervisor))
    if "natural" in wanted:
        image = build("localhost/qwen3tts:addon", dockerfile=docker, context=ROOT, BASE_IMAGE=python, RUN_AS="0")
        with tempfile.TemporaryDirectory() as folder, fake_supervisor() as supervisor:
            checkpoint = write_tiny_checkpoint(Path(folder, "published"))
            with loopback_hub({SMALL: checkpoint}) as hub:
                natural_voice.slow_down(hub, checkpoint)
                told(check("addon with the natural voice", image, user=0, supervisor=supervisor, hub=hub))
    if "cuda-base" in wanted:
        cuda = base_image(CUDA_BASE)
        image = build("localhost/qwen3tts:cuda-base", dockerfile=docker, context=ROOT, BASE_IMAGE=cuda)
        told(check("cpu on a base without Python", image, user=UID))
    if "cu130" in wanted:  # with PyTorch from where pip finds packages, as its own index may be out of reach
        spec = {"VARIANT": "cu130", "TORCH_SPEC": "torch>=2.11,<2.15"}
        image = build("localhost/qwen3tts:cu130", dockerfile=docker, context=ROOT, BASE_IMAGE=python, **spec)
        told(check("cu130", image, user=UID))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["cpu", "addon", "cuda-base"]))
