"""The scripts that set a machine up: which PyTorch it gets, and when."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPTS = ROOT / "script"
SIMDE = "include/simde/x86/avx512.h"
LATIN, CJK = "fonts/truetype/noto/NotoSans-Regular.ttf", "fonts/opentype/noto/NotoSansCJK-Regular.ttc"
COMPILE = "-m wyoming_qwen3tts.model.cpu.native.build"
CPU = "torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"


def torch_wheel(answer: str, arch: str = "x86_64") -> list[str]:
    done = subprocess.run(
        [SCRIPTS / "torch-wheel", "-", arch], input=answer, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("answer", "build"),
    [
        ("", "cpu"),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", "cpu"),
        ("3.5, 470.256.02, Tesla K40c\n", "cpu"),
        ("5.2, 535.183.01, NVIDIA GeForce GTX 970\n", "cu126"),
        ("6.1, 535.183.01, NVIDIA GeForce GTX 1080\n", "cu126"),
        ("6.1, 580.95.05, NVIDIA GeForce GTX 1080 Ti\n", "cu126"),
        ("7.0, 570.172.08, Tesla V100-SXM2-16GB\n", "cu126"),
        ("8.6, 550.144.03, NVIDIA GeForce RTX 3090\n", "cu126"),
        ("8.6, 570.172.08, NVIDIA GeForce RTX 3090\n", "cu128"),
        ("8.9, 580.95.05, NVIDIA GeForce RTX 4090\n", "cu128"),
        ("12.0, 570.86.15, NVIDIA GeForce RTX 5090\n", "cu128"),
        ("12.0, 580.95.05, NVIDIA GeForce RTX 5090\n", "cu130"),
        ("12.0, 565.77, NVIDIA GeForce RTX 5090\n", "cpu"),
        ("6.1, 470.256.02, NVIDIA GeForce GTX 1080\n", "cpu"),
        ("6.1, 580.95.05, NVIDIA GeForce GTX 1080\n12.0, 580.95.05, NVIDIA GeForce RTX 5060, Ti\n", "cu130"),
    ],
    ids=lambda value: value.strip()[:40] or "no card",
)
def test_a_machine_gets_the_build_of_pytorch_that_holds_its_card(answer: str, build: str) -> None:
    chosen, arguments, why = torch_wheel(answer)

    assert chosen == build
    assert arguments.endswith(f" --index-url https://download.pytorch.org/whl/{build}")
    assert arguments == CPU or build != "cpu"
    assert why


@pytest.mark.parametrize(
    ("versions", "asked", "build", "why"),
    [
        ((0, 110000), "1", "rocm", "gfx1100, an AMD card; nobody has tried it"),
        ((0, 90010), "1", "rocm", "gfx90a, an AMD card"),
        ((0, 90012, 120001), "1", "rocm", "gfx1201, an AMD card"),
        ((0, 110000), "", "cpu", "nobody has run the model on an AMD card (gfx1100): to try it, set ROCM=1"),
        ((0, 90012), "1", "cpu", "no code for gfx90c"),
        ((0,), "1", "cpu", "no NVIDIA card answers"),
    ],
)
def test_an_amd_card_gets_its_build_only_where_that_is_asked_for(
    versions: tuple[int, ...], asked: str, build: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCM", asked)
    nodes = "".join(f"cpu_cores_count 0\ngfx_target_version {version}\n" for version in versions)

    chosen, arguments, said = torch_wheel(nodes)

    assert chosen == build
    assert ("rocm6.4" in arguments) == (build == "rocm")
    assert why in said
    assert torch_wheel(nodes + "8.9, 580.95.05, NVIDIA GeForce RTX 4090\n")[0] == "cu128"


@pytest.mark.parametrize(
    ("answer", "arch", "build"),
    [
        ("12.1, 580.95.05, NVIDIA GB10\n", "aarch64", "cu130"),
        ("11.0, 580.00, NVIDIA Thor\n", "aarch64", "cu130"),
        ("12.1, 570.00, NVIDIA GB10\n", "aarch64", "cpu"),
        ("9.0, 570.172.08, NVIDIA GH200 480GB\n", "aarch64", "cu128"),
        ("9.0, 550.144.03, NVIDIA GH200 480GB\n", "aarch64", "cpu"),
        ("7.5, 580.95.05, NVIDIA T4G\n", "aarch64", "cpu"),
        ("8.6, 580.95.05, NVIDIA RTX A4000\n", "ppc64le", "cpu"),
    ],
)
def test_arm_machines_get_the_builds_that_there_are_for_them(answer: str, arch: str, build: str) -> None:
    assert torch_wheel(answer, arch)[0] == build


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "no NVIDIA card answers"),
        ("12.0, 565.77, NVIDIA GeForce RTX 5090", "needs driver 570 or later, and this is 565"),
        ("8.6, 470.256.02, NVIDIA GeForce RTX 3090", "driver 470 of NVIDIA GeForce RTX 3090 is too old: 525"),
        ('Field "compute_cap" is not a valid field to query.', "driver is too old: 525"),
        ("3.5, 470.256.02, Tesla K40c", "Tesla K40c is too old"),
    ],
)
def test_whoever_gets_the_cpu_build_is_told_why(answer: str, why: str) -> None:
    assert why in torch_wheel(answer)[2]


@pytest.mark.parametrize("capability", ["8.7", "[N/A]"])
def test_a_jetson_is_sent_to_nvidias_own_builds_and_not_after_another_driver(capability: str) -> None:
    build, _, why = torch_wheel(f"{capability}, 540.4.0, Orin (nvgpu)\n", "aarch64")

    assert build == "cpu"
    assert "NVIDIA's own PyTorch" in why
    assert "needs driver" not in why


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the scripts with stand-ins for what they call, which write down how."""
    shutil.copytree(SCRIPTS, tmp_path / "script")
    shutil.copy(SCRIPTS.parent / "pyproject.toml", tmp_path)
    programs = (
        "espeak-ng",
        "kakasi",
        "mosquitto",
        "mosquitto_passwd",
        "mosquitto_pub",
        "aarch64-linux-gnu-g++",
        "qemu-aarch64",
        "chromium",
        "ffmpeg",
        "openssl",
    )
    for name in (*(f"bin/{program}" for program in programs), ".venv/bin/wyoming-qwen3tts"):
        _program(tmp_path / name, 'echo "$(basename "$0") $*" >> "$CALLS"')
    for file in map(tmp_path.joinpath, (SIMDE, LATIN, CJK)):
        file.parent.mkdir(parents=True)
        file.touch()
    return tmp_path


def _program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def _run(checkout: Path, *words: str, **environment: str) -> list[str]:
    calls = checkout / "calls"
    calls.write_text("")
    path = f"{checkout / 'bin'}:/usr/bin:/bin"
    subprocess.run(
        words,
        cwd=checkout,
        env={
            "PATH": path,
            "CALLS": str(calls),
            "INCLUDE": str(checkout / "include"),
            "FONTS": str(checkout / "fonts"),
            **environment,
        },
        check=True,
        capture_output=True,
    )
    return calls.read_text().splitlines()


@pytest.mark.parametrize(
    ("card", "flags", "environment", "extras"),
    [
        (False, [], {}, ""),
        (True, [], {}, "qwen3"),
        (False, ["--engine.kind", "qwen3"], {}, "qwen3"),
        (False, ["--zeroconf", "off", "--engine.kind=Qwen3"], {}, "qwen3"),
        (False, [], {"QWEN3TTS_ENGINE__KIND": "qwen3"}, "qwen3"),
        (True, ["--engine.kind", "builtin"], {}, ""),
        (False, ["--engine.kind", "builtin"], {"QWEN3TTS_ENGINE__KIND": "qwen3"}, ""),
        (True, ["--engine.kind", "auto"], {}, "qwen3"),
    ],
)
def test_run_installs_qwen3_where_a_card_works_or_it_is_asked_for(
    checkout: Path, card: bool, flags: list[str], environment: dict[str, str], extras: str
) -> None:
    _program(checkout / "script" / "setup", 'echo "setup $*" >> "$CALLS"')
    if card:
        _program(checkout / "bin" / "nvidia-smi", "echo '8.6, 570.172.08, NVIDIA GeForce RTX 3090'")

    calls = _run(checkout, "script/run", *flags, **environment)

    assert calls == [f"setup {extras}", f"wyoming-qwen3tts {' '.join(flags)}"]


@pytest.fixture
def pip(checkout: Path) -> Path:
    """A Python whose pip only writes down what it is asked for; TORCH and NETWORK say what is there."""
    python = checkout / ".venv" / "bin" / "python"
    _program(
        python,
        """case "$*" in
  *urlopen*) test -n "$NETWORK" ;;
  *'version("torch")'*) test -n "$TORCH" ;;
  *) echo "$*" >> "$CALLS" ;;
esac""",
    )
    return python


def _installed(calls: list[str]) -> list[str]:
    return [call.removeprefix("-m pip install --quiet --disable-pip-version-check ") for call in calls]


def test_the_base_install_has_no_pytorch(checkout: Path, pip: Path) -> None:
    assert _installed(_run(checkout, "script/setup", NETWORK="1")) == ["-e ."]


@pytest.mark.parametrize(("network", "first"), [("1", CPU), ("", "torch==2.13.0")])
def test_pytorch_comes_before_the_package_and_from_elsewhere_where_its_index_is_away(
    checkout: Path, pip: Path, network: str, first: str
) -> None:
    calls = _run(checkout, "script/setup", "dev", "qwen3", NETWORK=network)

    assert _installed(calls) == [first, "-e .[dev,qwen3]", COMPILE]


def test_a_second_setup_does_nothing(checkout: Path, pip: Path) -> None:
    _run(checkout, "script/setup", "qwen3")

    assert _run(checkout, "script/setup", "qwen3", TORCH="1") == []


def test_a_new_card_gets_its_own_build(checkout: Path, pip: Path) -> None:
    _run(checkout, "script/setup", "qwen3")
    _program(checkout / "bin" / "nvidia-smi", "echo '12.0, 580.95.05, NVIDIA GeForce RTX 5090'")

    calls = _run(checkout, "script/setup", "qwen3", TORCH="1", NETWORK="1")

    assert calls[0] == "-m pip uninstall --quiet --yes torch"
    assert _installed(calls)[1] == "torch>=2.11,<2.15 --index-url https://download.pytorch.org/whl/cu130"


def test_somebodys_own_pytorch_stays(checkout: Path, pip: Path) -> None:
    """On a Jetson it comes from elsewhere."""
    calls = _run(checkout, "script/setup", "qwen3", TORCH="1")

    assert _installed(calls) == ["-e .[qwen3]", COMPILE]


def test_a_failed_install_is_tried_again(checkout: Path, pip: Path) -> None:
    working = pip.read_text()
    _program(pip, 'case "$*" in *pip*) exit 1 ;; esac; exit 1')
    with pytest.raises(subprocess.CalledProcessError):
        _run(checkout, "script/setup", "qwen3")
    pip.write_text(working)

    assert _installed(_run(checkout, "script/setup", "qwen3")) == ["torch==2.13.0", "-e .[qwen3]", COMPILE]


def test_every_script_can_be_run_and_is_valid() -> None:
    for script in SCRIPTS.iterdir():
        assert os.access(script, os.X_OK), script
        if script.read_text().startswith("#!/usr/bin/env bash"):
            subprocess.run(["bash", "-n", script], check=True)


def test_what_tests_need_is_installed_for_developers_only(checkout: Path, pip: Path) -> None:
    """And where it cannot be, setting up goes on."""
    for name in ("mosquitto_passwd", "ffmpeg"):
        (checkout / "bin" / name).unlink()
    for name in ("apt-get", "sudo"):
        _program(checkout / "bin" / name, f'echo "{name} $*" >> "$CALLS"; exit 1')
    path = f"{checkout / 'bin'}:{_links(checkout / 'tools')}"

    assert _run(checkout, "script/setup", PATH=path) == ["-m pip install --quiet --disable-pip-version-check -e ."]
    calls = _run(checkout, "script/setup", "dev", PATH=path)
    assert any("apt-get update" in call for call in calls) or any(call.startswith("sudo") for call in calls)
    assert calls[-1].endswith("-e .[dev]")


def _last_line(checkout: Path, *words: str, **environment: str) -> str:
    path = f"{checkout / 'bin'}:/usr/bin:/bin:{environment.pop('more', '')}"
    done = subprocess.run(
        [checkout / "script" / "setup", *words],
        cwd=checkout,
        env={"PATH": path, "CALLS": "/dev/null", "INCLUDE": str(checkout / "include"), **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stderr.splitlines()[-1]


def test_setup_ends_with_what_is_there_and_what_to_type_next(checkout: Path, pip: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "home")

    first = _last_line(checkout, HOME=home)
    assert first.startswith(
        "Installed: wyoming-qwen3tts, in .venv. Next: . .venv/bin/activate, then wyoming-qwen3tts say"
    )
    assert _last_line(checkout, HOME=home) == first
    on_the_path = _last_line(checkout, HOME=home, more=f"{home}/.local/bin")
    assert on_the_path == first.replace(". .venv/bin/activate, then ", "")
    assert (tmp_path / "home/.local/bin/wyoming-qwen3tts").resolve() == checkout / ".venv/bin/wyoming-qwen3tts"
    assert _last_line(checkout, "qwen3", HOME=home).endswith("then script/run --engine.kind qwen3")
    assert _last_line(checkout, "dev", HOME=home).endswith("script/test")


def test_a_command_of_the_same_name_that_is_there_already_stays(checkout: Path, pip: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "home/.local/bin/wyoming-qwen3tts"
    _program(theirs, "echo another checkout")
    before = theirs.read_text()

    last = _last_line(checkout, HOME=str(tmp_path / "home"), more=str(theirs.parent))

    assert theirs.read_text() == before
    assert ". .venv/bin/activate" in last


def test_a_server_that_starts_says_nothing_of_an_installation_that_is_there(checkout: Path, pip: Path) -> None:
    _last_line(checkout)
    done = subprocess.run(
        [checkout / "script" / "run"],
        env={"PATH": f"{checkout / 'bin'}:/usr/bin:/bin", "CALLS": "/dev/null"},
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stderr == ""


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("bin/mosquitto_passwd", "mosquitto"),
        ("bin/mosquitto_pub", "mosquitto-clients"),
        ("bin/aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"),
        ("bin/qemu-aarch64", "qemu-user"),
        (SIMDE, "libsimde-dev"),
        (LATIN, "fonts-noto-core"),
        (CJK, "fonts-noto-cjk"),
    ],
)
def test_what_a_test_needs_comes_with_its_package(checkout: Path, pip: Path, file: str, package: str) -> None:
    """Debian's broker brings no client of its own, unless recommended packages are installed too."""
    (checkout / file).unlink()
    _program(checkout / "bin" / "apt-get", 'echo "apt-get $*" >> "$CALLS"')
    _program(checkout / "bin" / "sudo", 'shift; exec "$@"')

    calls = _run(checkout, "script/setup", "dev", PATH=f"{checkout / 'bin'}:{_links(checkout / 'tools')}")

    assert f"apt-get install -y -qq --no-install-recommends {package}" in calls


def _links(folder: Path) -> Path:
    """A folder with only what the script itself needs, so that what this machine has does not matter."""
    folder.mkdir()
    for name in ("bash", "dirname", "id", "sed", "cat", "cksum", "timeout", "env", "basename"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def test_the_table_of_processors_has_a_row_for_each_kind_and_model(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\nexec {sys.executable} - \"$@\" <<'END'\n"
        "import json, sys\n"
        "flags = dict(zip(sys.argv[4::2], sys.argv[5::2]))\n"
        "stages = {'talker': 16.4, 'predictor': 40.8, 'codec': 25.0}\n"
        "run = {'ttfa_ms': 121.0, 'ms_per_frame': 82.1, 'stages_ms': stages}\n"
        "runs = [run | {'streams': int(n)} for n in flags['--streams'].split(',')]\n"
        "print(json.dumps({'machine': 'this one, limited to ' + flags['--cpu'], 'model': '', 'runs': runs}))\n"
        "END\n"
    )
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "ROUNDS": "2"}
    ran = subprocess.run(
        [sys.executable, ROOT / "script/bench-processors", "vnni", "avx2"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    lines = ran.stdout.splitlines()
    assert len([line for line in lines if line.startswith("| AVX")]) == 6
    assert "| AVX2 | 0.6B int8 | 82 ms | 16, 41, 25 | 121 ms | 1.03 | 82 ms |" in lines
    assert lines[-1].startswith("this one; medians of 2 rounds in turns; load ")
