"""Markup is not spoken; what it marks is."""

import pytest

from wyoming_qwen3tts.text.spoken import explain


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Done** and *well* and ***both*** now.", "Done and well and both now."),
        ("__Done__ and _well_ and ~~gone~~ now.", "Done and well and gone now."),
        ("Run `ls` or ``cat`` now, please.", "Run ls or cat now, please."),
        ("See [the guide](https://x.y/a_b(c)) now.", "See the guide now."),
        ("See ![a cat](cat.png) and [that][1] now.", "See a cat and that now."),
        ("A note[^1] about the house here.", "A note about the house here."),
        ("# The weather of today\n", "The weather of today"),
        ("> Quoted words of a friend\n", "Quoted words of a friend"),
        ("- [x] Feed the two cats\n", "Feed the two cats"),
        ("* Feed the two cats\n", "Feed the two cats"),
        ("• Feed the two cats\n", "Feed the two cats"),
        ("---\nFeed the two cats\n***\n", "Feed the two cats"),
        ("| Room | State |\n|:---|---:|\n| Kitchen | on |\n", "Room, State, Kitchen, on"),
        ("Tom &amp; Jerry &lt;3 cheese &#233;t&eacute; now.", "Tom and Jerry less than 3 cheese été now."),
        ("<p>Hello <b>there</b>,<br/>my <i>friend</i></p>", "Hello there, my friend"),
        ("<!-- no. Never --> Hello there, friend.", "Hello there, friend."),
        ("Done 😀👍🏽👨‍👩‍👧🇩🇪❤️ and well ✅ now.", "Done and well now."),
        ("Zero\u200bwidth so\u00adft \ufeffhy\u2060phens.", "Zerowidth soft hyphens."),
        ("Tabs\tand\u00a0hard\u202fblanks stay one.", "Tabs and hard blanks stay one."),
        ("Cafe\u0301 is open now, friend.", "Café is open now, friend."),
        ("５ people ａｎｄ １００％ done now.", "5 people and 100 percent done now."),
        ("A list_with_lines and snake_case now.", "A list with lines and snake case now."),
        ("Stray ** and * and _ and ` and ~~ now.", "Stray and and and and now."),
        ("Half a [link without end here", "Half a link without end here"),
    ],
)  # fmt: skip
def test_markup_is_not_spoken(written: str, spoken: str) -> None:
    assert explain(written, "en")["spoken"] == spoken


def test_a_code_block_is_left_out_and_reported() -> None:
    answer = explain("Here it is, my friend:\n```yaml\nlight: on. Now\n```\nThat is all for now.", "en")

    assert answer["segments"] == ["Here it is, my friend:", "That is all for now."]
    assert answer["changes"] == [{"rule": "code", "from": "```yaml\nlight: on. Now\n```", "to": ""}]


def test_a_fence_inside_a_line_is_no_block() -> None:
    assert explain("Use ``` to fence your code.\nThat is all for now.", "en")["segments"][-1] == "That is all for now."


def test_a_dash_at_the_start_of_a_line_is_no_minus() -> None:
    assert explain("- 3 eggs and some milk\n", "en")["spoken"] == "3 eggs and some milk"


def test_a_minus_at_the_start_of_a_line_is_one() -> None:
    assert explain("-3 degrees in the garden\n", "en")["spoken"] == "minus 3 degrees in the garden"


def test_nothing_is_rewritten_where_normalising_is_off() -> None:
    assert explain("It is 21.5 °C & sunny.", "en", normalize="off")["spoken"] == "It is 21.5 °C & sunny."


def test_strict_writes_whole_numbers_out_too() -> None:
    assert explain("There are 21 lamps here.", "en", normalize="strict")["spoken"] == "There are twenty-one lamps here."


def test_the_answer_has_the_form_that_the_command_prints() -> None:
    answer = explain(["It is 21.", "5 °C now. The light", " is on."], "en-GB")

    assert answer == {
        "spoken": "It is 21 point 5 degrees Celsius now. The light is on.",
        "language": "en",
        "voice": None,
        "segments": ["It is 21 point 5 degrees Celsius now.", "The light is on."],
        "changes": [{"rule": "unit", "from": "21.5 °C", "to": "21 point 5 degrees Celsius"}],
    }


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        ("en", "1️⃣ Milk and 2️⃣ bread today", "1 Milk and 2 bread today"),
        ("en", "5 ➕ 3 is 8, and 4 ✖️ 2 too", "5 plus 3 is 8, and 4 times 2 too"),
        ("en", "Done✅Next one is ready 👍🏽", "Done Next one is ready"),
        ("en", "It is \ue123on\U000e0041 and\u0378 ready\ud83d now", "It is on and ready now"),
        ("en", "Hello \u202ethere\u202c, my\u3164 friend", "Hello there, my friend"),
        ("en", "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1, 2, 3"),
        ("en", "<select><option>One</option><option>Two</option></select>", "One, Two"),
        ("en", "H<sub>2</sub>O is wet and clean", "H2O is wet and clean"),
        ("en", "It is 21<br>°C in the <i>kit</i>chen", "It is 21 degrees Celsius in the kitchen"),
        ("zh", "温度20，100%湿度，很热", "温度20，百分之100湿度，很热"),
        ("zh", "共有２５，０００人来了这里", "共有25000人来了这里"),
        ("zh", "现在时间是１９：３０整", "现在时间是19点30分整"),
    ],
)
def test_signs_are_spoken_and_what_is_no_sign_goes(language: str, written: str, spoken: str) -> None:
    assert explain(written, language)["spoken"] == spoken


@pytest.mark.parametrize("letter", ["a", "今", "é", "1", "한"])
def test_eight_thousand_characters_without_a_blank_lose_nothing(letter: str) -> None:
    assert "".join(explain(letter * 8000)["segments"]) == letter * 8000
