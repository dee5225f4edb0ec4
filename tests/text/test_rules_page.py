"""The page that lists the rules is the one that the rules make."""

from tests.text.report.rules_page import PAGE, page


def test_the_page_of_rules_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run script/text-report rules"
