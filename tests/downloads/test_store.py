"""The store: folders as they are, hub ids fetched once, from a closed list, under their final names only when whole."""

from __future__ import annotations

import io
import json
import logging
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.downloads.hub import COMMIT, LoopbackHub, loopback_hub
from tests.faults.test_process import COMMAND
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli import download
from wyoming_qwen3tts.downloads import pins, update_pins
from wyoming_qwen3tts.downloads.hub import Hub, is_offline
from wyoming_qwen3tts.downloads.progress import Bar, Lines, Progress, size
from wyoming_qwen3tts.downloads.store import MANIFEST, Store
from wyoming_qwen3tts.engine.qwen3.hardware.plan import LARGE, SMALL, suitable_models
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Card, Hardware
from wyoming_qwen3tts.errors import StoreError
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.settings.sources import load

MODEL = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("hub") / "tiny")
    (folder / "README.md").write_text("A model card.")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04 a pickle")
    return folder


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[LoopbackHub]:
    with loopback_hub({MODEL: checkpoint, "someone/their-voice": checkpoint}) as hub:
        yield hub


@pytest.fixture
def store(hub: LoopbackHub, tmp_path: Path) -> Store:
    return Store(tmp_path / "models", [MODEL], endpoint=hub.url, wait_s=0.01)


def wanted(checkpoint: Path) -> set[str]:
    files = {path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("*") if path.is_file()}
    return files - {"README.md", "pytorch_model.bin"}


def holds(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}


def test_a_folder_is_used_as_it_is_and_nothing_is_asked(hub: LoopbackHub, store: Store, checkpoint: Path) -> None:
    assert store.fetch(str(checkpoint)) == store.find(str(checkpoint)) == checkpoint
    assert hub.seen == []


def test_a_hub_id_becomes_a_folder_that_the_loader_takes(store: Store, checkpoint: Path, tmp_path: Path) -> None:
    assert store.find(MODEL) is None

    folder = store.fetch(MODEL)

    assert folder == tmp_path / "models" / MODEL.replace("/", "--") / COMMIT
    assert store.find(MODEL) == folder
    assert load_checkpoint(folder).config.type == "custom_voice"
    assert {(folder / name).read_bytes() == (checkpoint / name).read_bytes() for name in wanted(checkpoint)} == {True}


def test_only_needed_files_are_fetched_and_never_a_pickle(hub: LoopbackHub, store: Store, checkpoint: Path) -> None:
    """F33."""
    folder = store.fetch(MODEL)

    assert holds(folder) == wanted(checkpoint)
    assert not {name for _, name, _ in hub.seen} & {"README.md", "pytorch_model.bin"}


@pytest.mark.parametrize("name", ["../evil.json", "/etc/evil.json", "a/b.json", "..json", "speech_tokenizer/../x.json"])
def test_a_name_that_leads_out_of_the_folder_is_not_fetched(hub: LoopbackHub, store: Store, name: str) -> None:
    """P11."""
    hub.extra = [name]

    folder = store.fetch(MODEL)

    assert name not in {asked for _, asked, _ in hub.seen}
    assert not list(folder.parents[2].rglob("*evil*"))


def test_what_is_here_is_never_asked_for_again(hub: LoopbackHub, store: Store) -> None:
    folder = store.fetch(MODEL)
    asked = len(hub.seen)

    assert store.fetch(MODEL) == store.fetch(MODEL, verify=True) == folder
    assert len(hub.seen) == asked


def test_a_model_that_is_not_configured_is_never_fetched(hub: LoopbackHub, store: Store) -> None:
    with pytest.raises(StoreError, match="only configured models are fetched"):
        store.fetch("someone/their-voice")
    assert hub.seen == []


@pytest.mark.parametrize(
    ("environ", "offline"),
    [
        ({}, False),
        *(({"HF_HUB_OFFLINE": value}, True) for value in ("1", "on", "yes", "true", "TRUE")),
        *(({"HF_HUB_OFFLINE": value}, False) for value in ("", "0", "off", "no", "false", "FALSE")),
        ({"TRANSFORMERS_OFFLINE": "1"}, True),
        ({"HF_HUB_OFFLINE": "false", "TRANSFORMERS_OFFLINE": "1"}, False),
    ],
)
def test_the_environment_forbids_downloads_as_it_does_for_huggingface_hub(
    environ: dict[str, str], offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert is_offline() is offline


@pytest.mark.parametrize("offline", ["setting", "HF_HUB_OFFLINE"])
def test_offline_uses_what_is_here_and_asks_nobody(
    hub: LoopbackHub, tmp_path: Path, offline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if offline == "HF_HUB_OFFLINE":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    store = Store(tmp_path, [MODEL], endpoint=hub.url, offline=offline == "setting")

    with pytest.raises(StoreError, match=r"downloads are off .*HF_HUB_OFFLINE"):
        store.fetch(MODEL)
    assert hub.seen == []

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    folder = Store(tmp_path, [MODEL], endpoint=hub.url).fetch(MODEL)
    hub.seen.clear()
    if offline == "HF_HUB_OFFLINE":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert store.fetch(MODEL) == folder
    assert hub.seen == []


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("Qwen3-TTS-12Hz-0.6B-Base", "Did you mean Qwen/Qwen3-TTS-12Hz-0.6B-Base"),
        ("1.7B-customvoice", "Did you mean Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice"),
        ("piper", "There are Qwen/Qwen3-TTS-12Hz-0.6B-Base, "),
        ("../../etc/passwd", "no model folder"),
        ("/nowhere", "no model folder"),
        ("~/nowhere", "no model folder"),
        ("a/../b", "neither a folder nor"),
        ("a/b/c", "neither a folder nor"),
        ("a--b/c", "neither a folder nor"),
        ("a/b\0", "neither a folder nor"),
        ("x" * 9999, "neither a folder nor"),
        ("", "neither a folder nor"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_neither_folder_nor_id_gets_the_nearest_right_one(tmp_path: Path, model: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        Store(tmp_path, [model]).fetch(model)
    assert "\n" not in str(caught.value)


def test_an_unknown_model_names_the_six_published_ones(hub: LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not have nobody/nothing") as caught:
        Store(tmp_path, ["nobody/nothing"], endpoint=hub.url).fetch("nobody/nothing")

    assert all(model in str(caught.value) for model in pins.PINS)
    assert len(pins.PINS) == 6


@pytest.mark.parametrize("status", [401, 403])
def test_a_private_model_asks_for_a_token(hub: LoopbackHub, store: Store, status: int) -> None:
    hub.faults.status["api"] = status

    with pytest.raises(StoreError, match="HF_TOKEN"):
        store.fetch(MODEL)


def test_a_token_is_never_sent_in_the_clear(hub: LoopbackHub, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    store.fetch(MODEL)

    assert hub.headers
    assert not any("canary" in str(headers) for headers in hub.headers)


def test_a_repository_without_weights_is_no_checkpoint(hub: LoopbackHub, store: Store, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "config.json").write_text("{}")
    hub.models[MODEL] = empty

    with pytest.raises(StoreError, match="no Qwen3-TTS checkpoint"):
        store.fetch(MODEL)


def test_a_mirror_that_lists_names_only_is_asked_for_each_size(hub: LoopbackHub, store: Store) -> None:
    hub.faults.no_sizes = True

    folder = store.fetch(MODEL)

    assert load_checkpoint(folder)
    assert ("HEAD", "model.safetensors", 0) in hub.seen


@pytest.mark.parametrize("no_sizes", [False, True])
def test_large_files_come_from_where_the_hub_sends_us(
    hub: LoopbackHub, store: Store, no_sizes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the real hub does; the size and the sha256 are then in the answer that redirects."""
    hub.faults.cdn, hub.faults.no_sizes = True, no_sizes

    folder = store.fetch(MODEL)

    manifest = json.loads((folder / MANIFEST).read_text())
    assert len(manifest["files"]["model.safetensors"]["sha256"]) == 64
    assert load_checkpoint(folder)


def test_a_token_is_only_for_the_endpoint_and_only_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")

    with Hub("https://mirror.example") as mirror, Hub("http://mirror.example") as clear:
        assert mirror.authorization("https://mirror.example/a") == {"authorization": "Bearer hf_canary"}
        assert mirror.authorization("https://cdn-lfs.hf.co/a") == {}
        assert mirror.authorization("http://mirror.example/a") == {}
        assert clear.authorization("http://mirror.example/a") == {}


def test_a_repository_with_very_many_files_is_no_checkpoint(hub: LoopbackHub, store: Store) -> None:
    hub.extra = [f"part-{i}.json" for i in range(40)]

    with pytest.raises(StoreError, match="no Qwen3-TTS checkpoint: it has"):
        store.fetch(MODEL)


def test_the_mirror_of_the_environment_is_used_where_no_setting_names_one(hub: LoopbackHub, tmp_path: Path) -> None:
    """``HF_ENDPOINT``, as for every program that uses the hub."""
    script = f"from wyoming_qwen3tts.downloads.hub import Hub; print(Hub().endpoint, Hub('http://a').endpoint)"  # noqa: F541
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"HF_ENDPOINT": hub.url}
    )

    assert done.stdout.split() == [hub.url, "http://a"]


def test_a_new_commit_on_main_does_not_replace_what_is_here(hub: LoopbackHub, store: Store) -> None:
    folder = store.fetch(MODEL)
    hub.commit = "f" * 40

    assert store.fetch(MODEL, verify=True) == folder


def test_a_pinned_model_is_asked_for_at_its_revision(
    hub: LoopbackHub, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pins.PINS, MODEL, pins.Pin(revision="e" * 40))

    with pytest.raises(StoreError, match=f"at revision {'e' * 40}"):
        store.fetch(MODEL)

    hub.commit = "e" * 40
    assert store.fetch(MODEL).name == "e" * 40


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_other_than_the_pinned_one_never_gets_its_name(
    hub: LoopbackHub, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Even if the hub says that it is right."""
    monkeypatch.setitem(pins.PINS, MODEL, pins.Pin(sha256={name: "0" * 64}))

    with pytest.raises(StoreError, match=name):
        store.fetch(MODEL)
    assert not list((tmp_path / "models").glob(f"*/*/{name}"))
    assert not list((tmp_path / "models").glob(f"*/.incomplete/*/{name}"))


def test_script_pin_models_writes_a_table_that_holds_what_the_hub_has(
    hub: LoopbackHub, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_pins, "_FILE", tmp_path / "pins.py")
    (tmp_path / "pins.py").write_bytes(Path(pins.__file__).read_bytes())
    monkeypatch.setattr("sys.argv", ["pin-models", hub.url])
    monkeypatch.setattr(update_pins, "PINS", {MODEL: pins.Pin()})

    update_pins.main()

    for check in (["check"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--stdin-filename", pins.__file__, "-"],
            input=(tmp_path / "pins.py").read_bytes(),
            cwd=ROOT,
            check=True,
        )
    table = runpy.run_path(str(tmp_path / "pins.py"))["PINS"]
    assert list(table) == [MODEL]
    assert table[MODEL].revision == COMMIT
    monkeypatch.setitem(pins.PINS, MODEL, pins.Pin(COMMIT, table[MODEL].sha256))
    assert set(table[MODEL].sha256) == holds(store.fetch(MODEL))


def test_the_table_that_is_here_is_as_script_pin_models_writes_it() -> None:
    assert update_pins.source(pins.PINS) == Path(pins.__file__).read_text()


def test_progress_only_grows_from_nothing_to_all(store: Store) -> None:
    moments: list[Progress] = []
    store.fetch(MODEL, report=moments.append)
    fractions = [moment.fraction for moment in moments]

    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 5


def test_a_log_gets_a_line_every_five_percent() -> None:
    lines: list[str] = []
    report = Lines(lines.append)
    for done in range(1001):
        report(Progress("a/b", done * 1_000_000, 1_000_000_000))

    assert len(lines) == 21
    assert (lines[0], lines[9]) == ("a/b: 0% of 1.0 GB", "a/b: 45% of 1.0 GB")


def test_without_a_listener_progress_goes_to_the_log(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store.fetch(MODEL)

    assert f"{MODEL}: 100% of" in caplog.text
    assert "is complete" in caplog.text


def test_a_terminal_gets_one_line_that_is_redrawn() -> None:
    terminal, clock = io.StringIO(), iter([0.0, 0.05, 2.0, 4.0])
    bar = Bar(terminal, lambda: next(clock))
    for done in (0, 10, 50_000_000, 100_000_000):
        bar(Progress("a/b", done, 100_000_000))
    bar.close()
    bar.close()
    drawn = terminal.getvalue().split("\r\x1b[K")

    assert len(drawn) == 4  # the second moment came too soon to be drawn
    assert drawn[2] == "a/b: 50% of 100.0 MB [############------------] 25.0 MB/s, 2 s left"
    assert drawn[3].endswith("25.0 MB/s\n")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2 * 10**9, "2.0 GB")]
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert size(count) == text


def test_download_prints_where_it_went_and_how_far_it_is(
    hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--models.endpoint", hub.url, "--data-dir", str(tmp_path)]

    assert main(["download", MODEL, *flags]) == 0

    shown = capsys.readouterr()
    folder = Path(shown.out.strip())
    assert folder == tmp_path / "models" / MODEL.replace("/", "--") / COMMIT
    assert shown.err.splitlines()[-1].startswith(f"{MODEL}: 100% of ")


def test_download_without_a_name_takes_the_configured_models(
    hub: LoopbackHub, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--models.endpoint", hub.url, "--data-dir", str(tmp_path)]

    assert main(["download", "--engine.model", f"{checkpoint}, someone/their-voice", *flags]) == 0

    assert capsys.readouterr().out.splitlines()[0] == str(checkpoint)
    assert list((tmp_path / "models" / "someone--their-voice").glob(f"{COMMIT}/model.safetensors"))


@pytest.mark.parametrize(("memory_mb", "model"), [(0, SMALL), (7_599, SMALL), (7_600, LARGE)])
def test_download_without_a_name_or_a_setting_takes_the_model_that_the_server_would_load(
    memory_mb: int, model: str, hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    hub.models[LARGE] = hub.models[SMALL]
    cards = (Card(0, "RTX 4060", (8, 9), memory_mb, 100),) if memory_mb else ()
    seen = Hardware(torch="2.11.0+cu128", wheel_cuda=(12, 8), arch_list=("sm_86",), driver="575.57", cards=cards)
    monkeypatch.setattr(download, "suitable_models", lambda config: suitable_models(config, lambda: seen))

    assert main(["download", "--models.endpoint", hub.url, "--data-dir", str(tmp_path)]) == 0
    assert model.replace("/", "--") in capsys.readouterr().out


def test_download_that_fails_ends_with_1_and_one_line(
    hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--models.endpoint", hub.url, "--data-dir", str(tmp_path)]

    assert main(["download", "nobody/nothing", *flags]) == 1

    assert capsys.readouterr().err.count("\n") == 1


def test_download_mends_a_file_that_has_rotted_on_disk(hub: LoopbackHub, store: Store, tmp_path: Path) -> None:
    """F32: one bit flipped."""
    weights = store.fetch(MODEL) / "model.safetensors"
    right = weights.read_bytes()
    weights.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    hub.seen.clear()

    assert main(["download", MODEL, "--models.endpoint", hub.url, "--data-dir", str(tmp_path)]) == 0

    assert weights.read_bytes() == right
    assert [name for _, name, _ in hub.seen] == ["api", "model.safetensors"]


def test_the_settings_name_models_devices_and_mirrors() -> None:
    settings = load(
        {"engine.model": " a/b ,/c,", "engine.device": "CUDA"}, {"QWEN3TTS_MODELS__ENDPOINT": "https://mirror.example/"}
    )

    assert settings.engine.model == ("a/b", "/c")
    assert (settings.engine.device, settings.engine.dtype) == ("cuda", "auto")
    assert settings.models.endpoint == "https://mirror.example"
    assert settings.models.offline is False


@pytest.mark.parametrize("endpoint", ["mirror.example", "ftp://mirror.example", "https://", "https://m.example?x=1"])
def test_a_mirror_that_is_no_address_stops_the_start(endpoint: str) -> None:
    done = subprocess.run(
        [*COMMAND, "download", "--models.endpoint", endpoint], capture_output=True, text=True, check=False
    )

    assert done.returncode == 78
    assert "https://mirror.example" in done.stderr


def test_without_the_extra_a_download_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(StoreError, match="extra 'qwen3'"):
        Store(tmp_path, [MODEL]).fetch(MODEL)


def test_the_store_needs_neither_torch_nor_the_hub_client_until_it_fetches() -> None:
    late = ("torch", "httpx", "huggingface_hub")
    script = f"import sys; import wyoming_qwen3tts.downloads.store; print([m for m in {late} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_manifest_says_what_each_file_must_be(store: Store, checkpoint: Path) -> None:
    manifest = json.loads((store.fetch(MODEL) / MANIFEST).read_text())

    assert (manifest["model"], manifest["commit"]) == (MODEL, COMMIT)
    assert set(manifest["files"]) == wanted(checkpoint)


def test_say_speaks_with_a_hub_id_as_with_a_folder(
    hub: LoopbackHub, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same codes; the download shows on standard error, once."""
    flags = ["--raw", "--greedy", "--max-frames", "3", "--engine.kind", "qwen3", "--models.endpoint", hub.url]
    said = []
    for number, model in enumerate((str(checkpoint), MODEL, MODEL)):
        codes = tmp_path / f"{number}.npy"
        arguments = ["--codes", str(codes), "--engine.model", model, "--data-dir", str(tmp_path)]
        assert main(["say", "Hello.", *flags, *arguments]) == 0
        said.append((codes.read_bytes(), f"{MODEL}: 100%" in capsys.readouterr().err))

    assert [shown for _, shown in said] == [False, True, False]
    assert len({codes for codes, _ in said}) == 1
