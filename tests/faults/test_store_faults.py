"""F34, F35, F40: breaks, liars and full disks between us and a model."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.downloads.hub import LoopbackHub, loopback_hub
from tests.faults.test_process import COMMAND
from wyoming_qwen3tts.downloads import hub as store_hub
from wyoming_qwen3tts.downloads import store as store_module
from wyoming_qwen3tts.downloads.store import Store
from wyoming_qwen3tts.errors import StoreError
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint

MODEL = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"
WEIGHTS = "model.safetensors"
HOME = MODEL.replace("/", "--")
NAMES = {WEIGHTS, "speech_tokenizer/model.safetensors", "config.json", "speech_tokenizer/config.json"}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("hub") / "tiny")


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[LoopbackHub]:
    with loopback_hub({MODEL: checkpoint}) as hub:
        yield hub


@pytest.fixture
def store(hub: LoopbackHub, tmp_path: Path) -> Store:
    return Store(tmp_path / "models", [MODEL], endpoint=hub.url, wait_s=0.001)


def equal(folder: Path, checkpoint: Path) -> bool:
    return all((folder / name).read_bytes() == (checkpoint / name).read_bytes() for name in NAMES)


def leftovers(root: Path) -> list[str]:
    """Partial files, and names that a reader would take for whole ones while the folder is not complete."""
    return sorted(path.name for path in root.rglob("*") if path.is_file() and path.suffix in (".part", ".bad"))


def on_disk(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_a_connection_cut_at_every_tenth_goes_on_where_it_broke(
    hub: LoopbackHub, store: Store, checkpoint: Path
) -> None:
    """F34: no byte is fetched twice."""
    length = (checkpoint / WEIGHTS).stat().st_size
    hub.faults.cut_after = [length // 10] * 9

    assert equal(store.fetch(MODEL), checkpoint)
    assert hub.asked(WEIGHTS) == [length // 10 * tenth for tenth in range(10)]


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_download_given_up_in_the_middle_goes_on_next_time(
    hub: LoopbackHub, store: Store, checkpoint: Path, tmp_path: Path, tenth: int
) -> None:
    """F34: what huggingface_hub 1.33 itself would start from zero."""
    reached = (checkpoint / WEIGHTS).stat().st_size * tenth // 10
    hub.faults.cut_after = [reached] + [0] * 10

    with pytest.raises(StoreError, match="goes on where this one ended"):
        store.fetch(MODEL)
    assert store.find(MODEL) is None
    hub.faults.cut_after.clear()
    hub.seen.clear()

    assert equal(store.fetch(MODEL), checkpoint)
    assert hub.asked(WEIGHTS) == [reached]
    assert hub.asked("config.json") == []
    assert leftovers(tmp_path) == []


def test_a_connection_that_falls_silent_is_left_for_a_new_one(
    hub: LoopbackHub, store: Store, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F34: a line that is pulled sends no farewell."""
    monkeypatch.setattr(store_hub, "_SILENCE_S", 0.3)
    hub.faults.cut_after, hub.faults.stall_s = [200_000], 1.0

    assert equal(store.fetch(MODEL), checkpoint)
    assert hub.asked(WEIGHTS) == [0, 200_000]


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(
    hub: LoopbackHub, store: Store, checkpoint: Path
) -> None:
    """F34."""
    hub.faults.no_ranges = True
    hub.faults.cut_after = [5_000, 50_000]

    assert equal(store.fetch(MODEL), checkpoint)


def test_a_server_that_always_breaks_at_the_same_byte_is_given_up(hub: LoopbackHub, store: Store) -> None:
    """F34: without ranges there is no progress, however many bytes come."""
    hub.faults.no_ranges = True
    hub.faults.cut_always_after = 5_000

    with pytest.raises(StoreError, match=r"goes on where this one ended"):
        store.fetch(MODEL)


@pytest.mark.parametrize("fault", ["html", "flipped", "longer", "shorter", "status_416", "stale_range"])
def test_a_wrong_answer_is_set_aside_and_fetched_again_once(
    hub: LoopbackHub, store: Store, checkpoint: Path, tmp_path: Path, fault: str
) -> None:
    """F34."""
    setattr(hub.faults, fault, 1)
    if fault in ("status_416", "stale_range"):
        hub.faults.cut_after = [5_000]

    assert equal(store.fetch(MODEL), checkpoint)
    assert getattr(hub.faults, fault) == 0, "the fault did not happen"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("html", "sent a web page instead"),
        ("flipped", "sha256 differs"),
        ("longer", "more than its"),
        ("shorter", "bytes instead of"),
    ],
)
def test_a_server_that_is_wrong_twice_is_not_believed(
    hub: LoopbackHub, store: Store, tmp_path: Path, fault: str, message: str
) -> None:
    """F34: no wrong file ever has a final name, and no folder looks complete."""
    setattr(hub.faults, fault, 1000)

    with pytest.raises(StoreError, match=message) as caught:
        store.fetch(MODEL)

    assert "\n" not in str(caught.value)
    assert store.find(MODEL) is None
    assert not list((tmp_path / "models" / HOME).glob("[!.]*"))


def test_a_wrong_range_twice_is_not_believed(hub: LoopbackHub, store: Store) -> None:
    """F34."""
    hub.faults.stale_range = 1000
    hub.faults.cut_after = [5_000] * 3

    with pytest.raises(StoreError, match="another part of the file"):
        store.fetch(MODEL)


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/secret", "http://192.168.0.1/", "http://169.254.169.254/latest", "file:///etc/passwd",
        "http://huggingface.co/downgraded", "https://huggingface.co.evil.example/", "https://huggingface.co:8443/",
        "https://evilhf.co/", "//127.0.0.2/", "https://huggingface.co@192.168.0.1/", "http://[::1]/",
    ],
)  # fmt: skip
def test_a_redirect_away_from_the_hub_is_refused(hub: LoopbackHub, store: Store, target: str) -> None:
    """F34: a mirror must not make us ask our own network."""
    hub.faults.redirect = target

    with pytest.raises(StoreError, match="none of the hub's hosts: refused"):
        store.fetch(MODEL)


@pytest.mark.parametrize("url", ["https://huggingface.co/x", "https://cas-bridge.xethub.hf.co/x?sig=1", "{hub}/y"])
def test_the_hubs_own_hosts_are_allowed(hub: LoopbackHub, url: str) -> None:
    with store_hub.Hub(hub.url) as client:
        client._check_host(url.format(hub=hub.url))


def test_a_redirect_in_circles_ends(hub: LoopbackHub, store: Store) -> None:
    hub.faults.redirect = f"/{MODEL}/resolve/{hub.commit}/config.json"

    with pytest.raises(StoreError, match="in circles"):
        store.fetch(MODEL)


@pytest.mark.parametrize(("status", "message"), [(404, "does not have"), (500, "answered 500"), (410, "answered 410")])
@pytest.mark.parametrize("what", ["api", "config.json"])
def test_an_error_of_the_hub_is_one_line(hub: LoopbackHub, store: Store, what: str, status: int, message: str) -> None:
    hub.faults.status[what] = status

    with pytest.raises(StoreError, match=message) as caught:
        store.fetch(MODEL)

    assert "\n" not in str(caught.value)
    assert len(hub.seen) < 20


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"sha": "../..", "siblings": []}', b"[" * 60_000])
def test_a_hub_that_talks_nonsense_is_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch, body: bytes, hub: LoopbackHub
) -> None:
    monkeypatch.setattr("tests.downloads.hub.json.dumps", lambda _: body.decode())

    with pytest.raises(StoreError, match="did not answer as a model hub does"):
        store.fetch(MODEL)


def test_no_network_is_said_in_one_line_that_names_the_host(tmp_path: Path) -> None:
    store = Store(tmp_path, [MODEL], endpoint="http://127.0.0.1:9", wait_s=0.001)

    with pytest.raises(StoreError, match=r"127\.0\.0\.1 cannot be reached .* models\.endpoint") as caught:
        store.fetch(MODEL)
    assert "\n" not in str(caught.value)


def test_no_network_does_not_matter_to_a_model_that_is_here(hub: LoopbackHub, store: Store, tmp_path: Path) -> None:
    folder = store.fetch(MODEL)

    assert Store(tmp_path / "models", [MODEL], endpoint="http://127.0.0.1:9").fetch(MODEL) == folder


def test_a_model_that_does_not_fit_is_refused_with_numbers_before_its_first_byte(
    hub: LoopbackHub, store: Store, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F35."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 200_000_000))

    with pytest.raises(StoreError, match=r"does not fit: \d\.\d MB to download and 268\.4 MB .* has 200\.0 MB free"):
        store.fetch(MODEL)
    assert {name for _, name, _ in hub.seen} == {"api"}


def test_what_is_here_already_needs_no_room(hub: LoopbackHub, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed download asks only for what is missing."""
    stop = threading.Event()
    with pytest.raises(StoreError, match="stopped"):
        store.fetch(MODEL, report=lambda progress: stop.set() if progress.fraction > 0.5 else None, stop=stop)
    usage = namedtuple("usage", "total used free")
    missing = 3_500_000 // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, store_module.MARGIN_BYTES + missing))

    assert store.fetch(MODEL)


def test_a_disk_that_fills_up_leaves_nothing_that_looks_whole_and_goes_on_later(
    hub: LoopbackHub, checkpoint: Path, tmp_path: Path
) -> None:
    """F35: RLIMIT_FSIZE, in a process of its own."""
    limit = 300_000
    environment = os.environ | {"QWEN3TTS_MODELS__ENDPOINT": hub.url, "QWEN3TTS_DATA_DIR": str(tmp_path)}
    full = subprocess.run(
        [*COMMAND, "download", MODEL],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)),
        check=False,
    )
    assert full.returncode == 1
    assert "is full; make room" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list((tmp_path / "models" / HOME).glob("[!.]*"))
    hub.seen.clear()

    later = subprocess.run([*COMMAND, "download", MODEL], capture_output=True, text=True, env=environment, check=True)

    assert equal(Path(later.stdout.strip()), checkpoint)
    assert limit in [start for _, _, start in hub.seen]


def test_a_folder_that_cannot_be_written_is_named(hub: LoopbackHub, tmp_path: Path) -> None:
    """F35."""
    (tmp_path / "models").write_text("a file where the folder should be")

    with pytest.raises(StoreError, match="models"):
        Store(tmp_path / "models", [MODEL], endpoint=hub.url).fetch(MODEL)


def test_a_killed_download_goes_on_at_its_last_byte_and_leaves_no_lock(
    hub: LoopbackHub, store: Store, checkpoint: Path, tmp_path: Path
) -> None:
    """F34, F40: SIGKILL, three times."""
    hub.faults.bytes_per_s = 2_000_000
    environment = os.environ | {"QWEN3TTS_MODELS__ENDPOINT": hub.url, "QWEN3TTS_DATA_DIR": str(tmp_path)}
    first_bytes = []
    for _ in range(3):
        began, had = len(hub.seen), on_disk(tmp_path)
        with subprocess.Popen([*COMMAND, "download", MODEL], env=environment, stderr=subprocess.DEVNULL) as process:
            _wait_until(lambda had=had: on_disk(tmp_path) > had + 300_000)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
        first_bytes += [start for _, _, start in hub.seen[began:] if start]
        assert store.find(MODEL) is None
    hub.faults.bytes_per_s = 0

    assert equal(store.fetch(MODEL), checkpoint)
    assert first_bytes, "nothing was gone on with"
    assert leftovers(tmp_path) == []
    assert [path.name for path in (tmp_path / "models" / HOME).iterdir() if path.name.startswith(".")] == [".lock"]


def test_what_an_older_commit_left_unfinished_is_cleaned_up(hub: LoopbackHub, store: Store, tmp_path: Path) -> None:
    """F40."""
    hub.faults.status["merges.txt"] = 410
    with pytest.raises(StoreError):
        store.fetch(MODEL)
    stale = tmp_path / "models" / HOME / ".incomplete" / hub.commit
    assert stale.is_dir()
    hub.commit = "a" * 40
    with pytest.raises(StoreError):
        store.fetch(MODEL)

    assert not stale.exists()


def test_a_partial_file_with_foreign_bytes_is_not_built_upon(
    hub: LoopbackHub, store: Store, checkpoint: Path, tmp_path: Path
) -> None:
    """After a power cut a file may hold zeros where its last bytes should be."""
    part = tmp_path / "models" / HOME / ".incomplete" / hub.commit / f"{WEIGHTS}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(100_000))

    assert equal(store.fetch(MODEL), checkpoint)
    assert hub.asked(WEIGHTS) == [100_000, 0]


@pytest.mark.parametrize("damage", ["truncated", "gone", "manifest", "manifest of another kind"])
def test_a_damaged_folder_is_mended_with_what_is_missing_only(
    hub: LoopbackHub, store: Store, checkpoint: Path, damage: str
) -> None:
    """F32."""
    folder = store.fetch(MODEL)
    hub.seen.clear()
    if damage == "truncated":
        os.truncate(folder / WEIGHTS, 1000)
    elif damage == "gone":
        (folder / WEIGHTS).unlink()
    else:
        (folder / store_module.MANIFEST).write_text("[]" if damage.endswith("kind") else "{")
    assert store.find(MODEL) is None

    assert store.fetch(MODEL) == folder
    assert equal(folder, checkpoint)
    assert [name for _, name, _ in hub.seen] == ["api"] + [WEIGHTS] * (damage in ("truncated", "gone"))


def test_two_at_once_download_it_once(hub: LoopbackHub, store: Store, checkpoint: Path) -> None:
    hub.faults.bytes_per_s = 5_000_000
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(store.fetch(MODEL))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(folders) == 2
    assert equal(folders[0], checkpoint)
    assert hub.asked(WEIGHTS) == [0]


def test_a_download_that_waits_for_another_stops_when_asked(hub: LoopbackHub, store: Store, tmp_path: Path) -> None:
    lock = tmp_path / "models" / HOME / ".lock"
    lock.parent.mkdir(parents=True)
    stop = threading.Event()
    stop.set()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="stopped"):
            store.fetch(MODEL, stop=stop)


def test_a_download_that_waits_for_the_network_stops_when_asked(tmp_path: Path) -> None:
    """P9: SIGTERM must not wait for a back-off."""
    store = Store(tmp_path, [MODEL], endpoint="http://127.0.0.1:9", wait_s=60)
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    timer.start()
    began = time.monotonic()

    with pytest.raises(StoreError, match="stopped"):
        store.fetch(MODEL, stop=stop)
    timer.join()
    assert time.monotonic() - began < 5


async def test_the_event_loop_goes_on_while_a_model_is_fetched_in_a_thread(hub: LoopbackHub, store: Store) -> None:
    """P2."""
    hub.faults.bytes_per_s = 10_000_000
    fetching = asyncio.create_task(asyncio.to_thread(store.fetch, MODEL))
    turns = 0
    while not fetching.done():
        await asyncio.sleep(0.005)
        turns += 1

    assert await fetching
    assert turns > 10


def test_a_break_is_said_once_and_signed_addresses_never(
    hub: LoopbackHub, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="wyoming_qwen3tts")
    hub.faults.cut_after = [10_000] * 5
    store.fetch(MODEL)

    assert [record.levelname for record in caplog.records if "trying again" in record.message].count("WARNING") == 1
    assert "?" not in "".join(record.message for record in caplog.records if "wyoming" in record.name)


def _wait_until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_the_installed_hub_client_starts_a_broken_file_anew(hub: LoopbackHub, tmp_path: Path) -> None:
    """Why the store has its own download. If this fails, a newer huggingface_hub resumes: think again."""
    script = f"""
import sys
from huggingface_hub import hf_hub_download
hf_hub_download({MODEL!r}, {WEIGHTS!r}, local_dir={str(tmp_path)!r}, endpoint={hub.url!r})
"""
    hub.faults.bytes_per_s = 1_000_000
    for run in range(2):
        with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) as process:
            _wait_until(lambda run=run: len(hub.asked(WEIGHTS)) > run)  # type: ignore[misc]
            time.sleep(0.3)
            process.kill()

    assert hub.asked(WEIGHTS) == [0, 0]


def test_a_disk_that_knows_no_locks_is_no_obstacle(
    store: Store, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)

    assert equal(store.fetch(MODEL), checkpoint)


@pytest.mark.parametrize(
    ("number", "message"), [(errno.ENOSPC, "is full; make room"), (errno.EROFS, "cannot be written")]
)
def test_a_failing_disk_is_told_from_a_full_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    """F35."""

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(StoreError, match=message):
        store.fetch(MODEL)
    assert store.find(MODEL) is None
