"""README, CONTRIBUTING and docs/: their commands work as printed, their links lead somewhere, what they quote is said.

Every ``sh`` block has a mark in its fence. ``sh run``: it is run, in a fresh clone, with a home and network of its own.
``sh needs=docker`` (or gpu, broker, network, sound, ...): its syntax and its flags are checked.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import yaml

import wyoming_qwen3tts
from tests import documents
from tests.conftest import ROOT
from tests.documents import Block, anchors, files, links, name_of, prose, shell_blocks, words_of
from wyoming_qwen3tts.cli.mistakes import commands_of
from wyoming_qwen3tts.cli.parser import build, parse

BLOCKS = [block for path in files() for block in shell_blocks(path)]
RUN = sorted({block.file for block in BLOCKS if block.mark == "run"})
REPOSITORY = str(yaml.safe_load((ROOT / "repository.yaml").read_text(encoding="utf-8"))["url"])
USERS = ["README.md", *(f"docs/{name}.md" for name in (
    "install", "home-assistant", "voices", "announcements", "http-api", "security", "settings", "stand-in", "marks",
))]  # fmt: skip
#: Flags of other programs, and of tests that are programs too.
FOREIGN = {
    "--url",
    "--key",
    "--build",
    "--build-arg",
    "--gpus",
    "--packed",
    "--rm",
    "--runtime",
    "--set-as-default",
} | {
    "--base",
    "--ends",  # of script/hear-tiny, as the next
    "--sentences",
}


# What is printed


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_every_shell_block_says_whether_it_is_run(path: Path) -> None:
    marks = {info for info, _, _ in documents.fences(path)}

    assert not {mark for mark in marks if mark.split(" ")[0] in ("bash", "shell", "console", "zsh")}, "write sh"
    for block in shell_blocks(path):
        where = f"{block.file}:{block.line}"
        assert block.mark == "run" or block.mark.removeprefix("needs=") in documents.NEEDS, where
        assert block.mark == "run" or block.mark.startswith("needs="), where


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.file}:{block.line}")
def test_a_block_is_valid_shell(block: Block) -> None:
    subprocess.run(["bash", "-n", "-c", block.text], check=True, capture_output=True)


def _ours(block: Block) -> Iterator[list[str]]:
    """The arguments of each call of our program, started by its name or by script/run."""
    for command in block.commands:
        words = words_of(command)
        starts = [number for number, word in enumerate(words) if word.endswith("wyoming-qwen3tts") and "/" not in word]
        starts += [number for number, word in enumerate(words) if word in ("script/run", ".venv/bin/wyoming-qwen3tts")]
        for start in starts:
            if start and words[start - 1] in ("clone", "cd", "exec", "-m"):
                continue
            ends = [number for number, word in enumerate(words) if number > start and word in ("|", "&&", ";", ">")]
            yield words[start + 1 : min(ends, default=len(words))]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.file}:{block.line}")
def test_a_blocks_commands_and_flags_exist(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in _ours(block):
        try:
            parse(arguments)
        except SystemExit:
            pytest.fail(f"{block.file}:{block.line}: {' '.join(arguments)}: {capsys.readouterr().err}")


def _flags(parser: argparse.ArgumentParser) -> set[str]:
    """Of a parser and of its commands."""
    below = (flag for command in commands_of(parser).values() for flag in _flags(command))
    return {*parser._option_string_actions, *below}


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_flags_in_the_text_exist(path: Path) -> None:
    inline = " ".join(re.findall(r"`([^`]+)`", prose(path)))
    shown = set(re.findall(r"(?<![\w-])--[a-z][\w.-]*", inline))

    assert shown - FOREIGN <= _flags(build())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.file}:{block.line}")
def test_a_blocks_scripts_and_files_are_there(block: Block) -> None:
    for command in block.commands:
        for word in words_of(command):
            if re.fullmatch(r"(script|docker|config|tests)/[\w./-]+", word):
                assert (ROOT / word).exists(), f"{block.file}:{block.line}: {word}"


# The blocks that are run

_SERVES = re.compile(r"(script/run|(\S*/)?wyoming-qwen3tts(?= *$| +serve\b| +--))")
_LOOPBACK_UP = (
    "import fcntl, socket, struct; "
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh', b'lo', 0x41))"  # SIOCSIFFLAGS: up, running
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that holds this checkout as it is, also what is not committed yet."""
    folder = tmp_path_factory.mktemp("origin") / "repository"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    me = ["-c", "user.name=Test", "-c", "user.email=test@invalid"]
    for words in (["init", "--quiet", "-b", "main"], ["add", "--all"], [*me, "commit", "--quiet", "-m", "As it is"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    return folder


def _without(tool: Path, name: str) -> None:
    tool.mkdir(parents=True, exist_ok=True)
    (tool / name).write_text("#!/bin/sh\nexit 1\n")
    (tool / name).chmod(0o755)


def _hook(python: str) -> str:
    """Run by git in a fresh clone: an environment as ``script/setup`` would make it, with this one's packages. What it
    installs, and when, is tests/test_scripts.py's."""
    packages = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    return textwrap.dedent(f"""\
        #!/bin/bash
        set -euo pipefail
        unset GIT_DIR GIT_WORK_TREE
        {python} -m venv --without-pip .venv
        printf '%s\\n' "$PWD" {" ".join(packages)} > "$(echo .venv/lib/python*/site-packages)/these.pth"
        printf '#!%s\\nimport sys\\nfrom wyoming_qwen3tts.__main__ import main\\nsys.exit(main())\\n' \\
          "$PWD/.venv/bin/python" > .venv/bin/wyoming-qwen3tts
        chmod +x .venv/bin/wyoming-qwen3tts
        for extras in base dev qwen3 dev,qwen3; do cksum pyproject.toml > ".venv/.installed-$extras"; done
        """)


_PREAMBLE = """\
set -euo pipefail
server=
stop() { if [ -n "$server" ]; then kill "$server" 2> /dev/null || true; wait "$server" || true; server=; fi; }
answers() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
started() {
  until answers 10200 && answers 8880; do
    kill -0 "$server" 2> /dev/null || { echo "it ended: $1"; cat server.log; server=; return 1; }
    sleep 0.1
  done
}
trap stop EXIT
"""


def _script(blocks: list[Block]) -> str:
    """One shell for all blocks of a page. What serves goes on in the background, once its ports answer, until the next
    server is started."""
    lines = [_PREAMBLE]
    for block in blocks:
        for command in block.commands:
            lines.append(f"echo {_quoted('$ ' + command)}")
            if _SERVES.match(command):
                plain = command.split(" #")[0].rstrip()
                lines += ["stop", f"exec_in_background() {{ exec {plain}; }}", "exec_in_background > server.log 2>&1 &"]
                lines += ["server=$!", f"started {_quoted(plain)}"]
            else:
                lines.append(command)
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_page_work_as_printed(name: str, checkout: Path, tmp_path: Path) -> None:
    missing = [program for program in ("curl", "espeak-ng", "git", "kakasi") if not shutil.which(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    inside = ["unshare", "--user", "--map-root-user", "--net", "--"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the default ports are only used in a network of our own, and unshare -rn does not work here")
    blocks = [block for block in shell_blocks(ROOT / name) if block.mark == "run"]
    home, templates, tools = tmp_path / "home", tmp_path / "templates", tmp_path / "tools"
    home.mkdir()
    _without(tools, "apt-get")  # what is installed here stays as it is
    (templates / "hooks").mkdir(parents=True)
    (templates / "hooks" / "post-checkout").write_text(_hook(sys.executable))
    (templates / "hooks" / "post-checkout").chmod(0o755)
    (home / ".gitconfig").write_text(
        f'[url "file://{checkout}"]\n  insteadOf = {REPOSITORY}\n[init]\n  templateDir = {templates}\n'
    )
    environment = {
        "HOME": str(home),
        "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LANG": "C.UTF-8",
    }
    environment |= {"OMP_NUM_THREADS": "1", "GIT_CONFIG_NOSYSTEM": "1"}
    folder = tmp_path / "somewhere"
    folder.mkdir()
    if "git clone" not in blocks[0].text:  # behind README's own setup
        subprocess.run(
            ["git", "clone", "--quiet", REPOSITORY, folder], env=environment, check=True, capture_output=True
        )
        environment["PATH"] = f"{folder}/.venv/bin:{environment['PATH']}"
    script = tmp_path / "page.sh"
    script.write_text(_script(blocks))

    done = subprocess.run(
        [*inside, "bash", "-c", f'{sys.executable} -c "{_LOOPBACK_UP}" && exec bash {script}'],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    written = re.findall(r" (?:-o|>) ([\w.-]+\.(?:wav|mp3|json|yaml))", "\n".join(block.text for block in blocks))
    for file in written:
        found = next((path for path in folder.rglob(file) if path.parent.name not in ("config", "docs")), None)
        assert found is not None, file
        assert found.stat().st_size > (1_000 if found.suffix in (".wav", ".mp3") else 0), file


# Links


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_every_link_inside_the_repository_leads_somewhere(path: Path) -> None:
    for link in links(path):
        where, _, anchor = unquote(link).partition("#")
        if link.startswith(f"{REPOSITORY}/blob/main/"):
            target = ROOT / where.removeprefix(f"{REPOSITORY}/blob/main/")
        elif re.match(r"[a-z]+:", link):
            continue
        else:
            target = path if not where else (path.parent / where).resolve()
        assert target.exists(), f"{name_of(path)}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name_of(path)}: {link}; there are {sorted(anchors(target))}"


def test_the_address_of_the_repository_is_the_same_everywhere() -> None:
    """That of repository.yaml; elsewhere a fork would send its visitors here, or ours into nothing."""
    owner, name = REPOSITORY.removeprefix("https://github.com/").split("/")
    ours = (*files(), ROOT / "pyproject.toml", *(ROOT / ".github").rglob("*.y*ml"), *(ROOT / "addon").rglob("*.yaml"))
    encoded = quote("https://github.com/", safe="")
    for path in ours:
        text = path.read_text(encoding="utf-8")
        for found in re.findall(rf"(?:github\.com/|{encoded})([\w-]+)(?:/|%2F)({name})\b", text):
            assert found == (owner, name), name_of(path)
    assert f"repository_url={quote(REPOSITORY, safe='')}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_to_other_sites_are_found_for_the_weekly_job() -> None:
    """And nobody's own address is asked for."""
    found = documents.outside()

    assert "https://github.com/OHF-Voice/wyoming" in found
    assert not [address for address in found if "192.168" in address or "HOST" in address]
    assert "python -m tests.documents" in (ROOT / ".github/workflows/links.yaml").read_text(encoding="utf-8")


# What the pages promise


def test_the_readme_is_short_and_narrow() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


def test_the_readme_shows_this_version() -> None:
    assert f"badge/version-{wyoming_qwen3tts.__version__}-" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", USERS)
def test_pages_for_users_speak_plainly(name: str) -> None:
    """The house's own words mean nothing to who reads here for the first time."""
    text = prose(ROOT / name)

    assert re.findall(r"\b(web doors?|front doors?|RTF|[Tt]old from the text)\b", text) == []


def test_pages_for_developers_name_every_script() -> None:
    shown = set(re.findall(r"`([\w-]+)(?: \[[A-Z.]+\])?`", (ROOT / "docs/development.md").read_text(encoding="utf-8")))

    assert {path.name for path in (ROOT / "script").iterdir()} <= shown


def test_the_page_of_the_api_names_every_route() -> None:
    text = prose(ROOT / "docs" / "http-api.md")
    sources = (ROOT / "wyoming_qwen3tts" / "servers" / "http" / "routers").glob("*.py")
    routes = {route for path in sources for route in re.findall(r"router\.\w+\(\s*\"(/[^\"]+)\"", path.read_text())}
    ends = {re.sub(r"/\{[^}]+\}", "", route).rpartition("/")[2] for route in routes if route.startswith(("/v1", "/h"))}

    assert len(ends) > 20
    assert {end for end in ends if not re.search(rf"/{end}\b", text)} == set()


_PLACE = "\0"  # what is filled in when it is said
_FORMAT = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[sdrgfi]")


@cache
def _said() -> tuple[str, ...]:
    """Every text of the program, with ``_PLACE`` where something is filled in, and the scripts'."""
    found = [path.read_text(encoding="utf-8") for path in (ROOT / "script" / "setup", ROOT / "script" / "run")]
    for path in (ROOT / "wyoming_qwen3tts").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [_FORMAT.sub(_PLACE, text).replace("%%", "%") for text in map(_text, ast.walk(tree)) if text]
    return tuple(found)


def _text(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) if isinstance(part, ast.Constant) else _PLACE for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.IfExp(body=body):
            return _text(body)
        case _:
            return ""


def _is_said(quoted: str) -> bool:
    pieces = [re.escape(piece.strip()) for piece in quoted.split("...")]
    pattern = re.compile(".*?".join(pieces), re.DOTALL)
    return any(pattern.search(text) for text in _said())


def _messages() -> list[str]:
    """What tables quote whose first column is called so."""
    text = "\n".join(prose(ROOT / "docs" / name) for name in ("troubleshooting.md", "voices.md"))
    tables = re.findall(r"^\| message \|.*\n\|---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [row.replace("\\|", "|") for table in tables for row in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)]


@pytest.mark.parametrize("message", _messages())
def test_a_message_that_a_page_quotes_is_what_the_program_says(message: str) -> None:
    assert _is_said(message)


def test_a_message_that_nobody_says_is_found() -> None:
    assert len(_messages()) > 30
    assert not _is_said("A key is needed: Authorization: Bearer KEYS.")
    assert _is_said("espeak-ng is not installed: ...")
    assert _is_said("... is taken by ... Stop it ... port: --")
