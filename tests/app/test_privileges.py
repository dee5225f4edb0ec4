"""The add-on's container starts as root and does not stay it. That any other user will do: script/image-test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wyoming_qwen3tts.app.privileges import drop_privileges

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
SCRIPT = """
import os, sys
from pathlib import Path
from wyoming_qwen3tts.app.privileges import drop_privileges
drop_privileges(Path(sys.argv[1]), os.environ)
print(os.getuid(), os.geteuid(), os.getgid(), os.getgroups(), os.environ["HOME"])
Path(sys.argv[1], "written").write_text("")
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """As the Supervisor makes it. Others may enter the folders above, which belong to the tests alone."""
    folder = tmp_path / "data"
    (folder / "voices").mkdir(parents=True)
    (folder / "voices" / "grandma.json").write_text("{}")
    (folder / "options.json").write_text("{}")
    (folder / "options.json").chmod(0o600)
    (folder / "outside").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("")
    for above in (tmp_path, *tmp_path.parents):
        if not above.stat().st_mode & 0o001:
            above.chmod(0o755)
    return folder


def _run(data: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(data)]
    env = {"PATH": os.defpath, "HOME": "/root", "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@as_root
def test_an_image_started_as_root_becomes_its_user_for_good(data: Path) -> None:
    done = _run(data, IMAGE_USER="10001")

    assert done.stdout.split("\n")[0] == f"10001 10001 10001 [] {data}", done.stderr
    assert (data / "written").stat().st_uid == 10_001
    assert (data / "voices" / "grandma.json").stat().st_uid == 10_001


@as_root
def test_the_options_stay_the_supervisors_but_can_be_read(data: Path) -> None:
    _run(data, IMAGE_USER="10001")

    found = (data / "options.json").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, 10_001, 0o640)


@as_root
def test_what_links_lead_to_is_not_handed_over(data: Path) -> None:
    (data / "options.json").unlink()
    (data / "options.json").symlink_to(data.parent / "elsewhere")
    (data.parent / "elsewhere").chmod(0o600)

    _run(data, IMAGE_USER="10001")

    found = (data.parent / "elsewhere").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o600)


@as_root
def test_outside_an_image_root_stays_root(data: Path) -> None:
    done = _run(data)

    assert done.stdout.startswith("0 0 ")


def test_whoever_is_not_root_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "setuid", lambda _: pytest.fail("became somebody else"))

    drop_privileges(tmp_path / "missing", {"IMAGE_USER": "10001"})

    assert not (tmp_path / "missing").exists()


def test_groups_go_first_and_the_user_last(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round the rest would not be allowed any more."""
    done: list[tuple[str, object]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: done.append((name, value)))
    monkeypatch.setattr(os, "chown", lambda path, *ids, **_: done.append((Path(path).name, ids)))
    environ = {"IMAGE_USER": "10001"}

    drop_privileges(data, environ)

    assert done[-3:] == [("setgroups", []), ("setgid", 10_001), ("setuid", 10_001)]
    assert ("options.json", (0, 10_001)) in done
    assert ("grandma.json", (10_001, 10_001)) in done
    assert environ["HOME"] == str(data)
