"""The user's own pronunciations: found as whole words, read again when they change, wrong lines named."""

import os
import threading
import time
from pathlib import Path
from string import ascii_lowercase

import pytest

import wyoming_qwen3tts.text.lexicon as lexicon_module
from wyoming_qwen3tts.text.lexicon import EMPTY, Lexicon, LexiconFolder, parse
from wyoming_qwen3tts.text.spoken import explain


def spoken(text: str, language: str, entries: dict[str, dict[str, str]]) -> str:
    return str(explain(text, language, lexicon=Lexicon(entries))["spoken"])


def test_a_word_is_spoken_as_its_entry_says() -> None:
    assert spoken("Hallo Siobhan, Guten Tag.", "de", {"de": {"siobhan": "Schiwonn"}}) == "Hallo Schiwonn, Guten Tag."


def test_an_entry_does_not_match_inside_a_word() -> None:
    assert spoken("The catalog has a cat.", "en", {"en": {"cat": "kitty"}}) == "The catalog has a kitty."


def test_an_entry_with_a_capital_is_found_only_as_it_is_written() -> None:
    assert spoken("The US told us so.", "en", {"en": {"US": "U S"}}) == "The U S told us so."


def test_a_phrase_is_found_across_any_blanks() -> None:
    assert spoken("Turn on Hue  Go now please.", "en", {"en": {"hue go": "you go"}}) == "Turn on you go now please."


def test_the_longest_entry_wins() -> None:
    entries = {"en": {"home": "house", "home assistant": "aitch ay"}}

    assert spoken("The Home Assistant is at home.", "en", entries) == "The aitch ay is at house."


def test_an_entry_for_all_languages_gives_way_to_one_of_the_language() -> None:
    entries = {"all": {"wifi": "wie fie", "zha": "Z H A"}, "de": {"wifi": "Wai Fai"}}

    assert spoken("Das wifi und zha laufen gut.", "de", entries) == "Das Wai Fai und Z H A laufen gut."


def test_entries_of_other_languages_are_left_alone() -> None:
    assert spoken("Das Gift ist im Schrank.", "de", {"en": {"gift": "present"}}) == "Das Gift ist im Schrank."


def test_a_respelling_is_not_normalised_again() -> None:
    assert spoken("The K2 is a mountain today.", "en", {"en": {"K2": "kay 2 °"}}).startswith("The kay 2 ")


def test_words_without_blanks_are_found_in_chinese() -> None:
    assert spoken("请打开重庆的灯,谢谢你。", "zh", {"zh": {"重庆": "崇庆"}}) == "请打开崇庆的灯,谢谢你。"


def test_a_change_by_the_lexicon_is_reported() -> None:
    changes = explain("Hello Siobhan, how are you?", "en", lexicon=Lexicon({"en": {"siobhan": "Shivawn"}}))["changes"]

    assert changes == [{"rule": "lexicon", "from": "Siobhan", "to": "Shivawn"}]


def test_wrong_lines_are_named_and_the_others_count() -> None:
    entries, errors = parse("# mine\nfoo = bar  # why\n\nno sign\n= x\ny =\nfoo = baz\nok=fine\n", "de.txt")

    assert entries == {"foo": "bar", "ok": "fine"}
    assert [str(error).split(": ")[0] for error in errors] == ["de.txt:4", "de.txt:5", "de.txt:6", "de.txt:7"]


def test_a_folder_is_read_again_when_a_file_changes(tmp_path: Path) -> None:
    folder = LexiconFolder(tmp_path)
    assert len(folder.current()) == 0
    file = tmp_path / "en.txt"
    file.write_text("a b = c\n", encoding="utf-8")
    first = folder.current()

    file.write_text("a b = c\nd = e\n", encoding="utf-8")
    os.utime(file, ns=(1, 2))

    assert len(first) == 1
    assert len(folder.current()) == 2


def test_a_folder_that_has_not_changed_gives_the_same_lexicon(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("x = y\n", encoding="utf-8")
    folder = LexiconFolder(tmp_path)

    assert folder.current() is folder.current()


def test_bytes_that_are_no_text_are_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "de.txt").write_bytes(b"good = gut\nb\xffd = x\n")

    lexicon = LexiconFolder(tmp_path).current()

    assert len(lexicon) == 1
    assert [str(error) for error in lexicon.errors] == ["de.txt:2: not UTF-8"]


def test_nothing_is_changed_without_a_lexicon() -> None:
    assert explain("Hello there, world.", "en", lexicon=EMPTY)["changes"] == []


def test_a_named_pipe_in_the_folder_is_an_error_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "en.txt")
    (tmp_path / "all.txt").write_text("x = y\n", encoding="utf-8")

    lexicon = LexiconFolder(tmp_path).current()

    assert len(lexicon) == 1
    assert [str(error) for error in lexicon.errors] == ["en.txt:0: It is no regular file"]


def test_who_is_in_a_hurry_has_the_lexicon_from_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en.txt").write_text("a = b\n", encoding="utf-8")
    folder, may_read = LexiconFolder(tmp_path, patience_s=0.01), threading.Event()
    monkeypatch.setattr(
        lexicon_module, "read_regular", lambda path, most: may_read.wait(10) and path.read_bytes()[:most]
    )

    assert len(folder.current()) == 0
    may_read.set()
    for _ in range(1000):
        if len(folder.current()):
            break
        time.sleep(0.005)

    assert len(folder.current()) == 1


def test_what_cannot_be_read_at_once_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en.txt").write_text("a = b\n", encoding="utf-8")
    folder = LexiconFolder(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(lexicon_module, "parse", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            folder.current()

    assert len(folder.current()) == 1


def test_a_large_lexicon_is_looked_up_by_first_words() -> None:
    words = {
        f"{first}{second}{third}": "x" for first in ascii_lowercase for second in "aeiou" for third in ascii_lowercase
    }
    lexicon = Lexicon({"all": words | {"home assistant": "aitch ay", "日本": "にほん"}})

    assert explain("Home assistant says bab and cab in 日本 today.", "en", lexicon=lexicon)["spoken"] == (
        "aitch ay says x and x in にほん today."
    )
    index = lexicon._index("en")
    assert index is not None
    assert len(index._candidates("home assistant", 0)) == 1


@pytest.mark.parametrize(
    ("text", "entries", "right"),
    [
        ("Open the .net page now.", {".net": "dot net"}, "Open the dot net page now."),
        ("It is in C++ today.", {"c++": "see plus plus"}, "It is in see plus plus today."),
        ("The US told US and us.", {"US": "U S"}, "The U S told U S and us."),
        ("The us and US agree.", {"US": "U S", "us": "them"}, "The them and U S agree."),
        ("Ask Home, not Home Assistant.", {"home assistant": "H A", "home": "house"}, "Ask house, not H A."),
        ("A straße is a STRASSE.", {"straße": "street"}, "A street is a STRASSE."),
        ("It is approx. ten.", {"approx.": "about"}, "It is about ten."),
        ("Ten, approx.", {"approx.": "about"}, "Ten, about."),
    ],
)
def test_entries_of_every_shape_are_found(text: str, entries: dict[str, str], right: str) -> None:
    assert spoken(text, "en", {"en": entries}) == right
