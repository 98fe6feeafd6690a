"""Without Chromium the pages' tests are skipped with a reason, but never unnoticed in CI."""

from pathlib import Path

import pytest

from tests.browser import Heard, Visit

INNER = "def test_page(chromium): pass\n"


@pytest.mark.parametrize(("ci", "outcome"), [("", {"skipped": 1}), ("true", {"errors": 1})])
def test_missing_chromium_skips_and_fails_in_ci(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: dict[str, int]
) -> None:
    """Where `CI` is set to something, somebody relies on it."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", str(pytester.path))
    pytester.makepyfile(INNER)
    result = pytester.runpytest_inprocess("-p", "tests.browser", "-rsE", "-p", "no:cacheprovider")
    result.assert_outcomes(**outcome)
    result.stdout.fnmatch_lines(["*no `chromium` is on the PATH*apt-get install chromium*"])


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("<script>console.log('hello')</script>", "console log: hello"),
        ("<script>throw new Error('oh')</script>", "thrown: oh"),
        ("<script>alert(1)</script>", "dialog: 1"),
        ("<img src='file:///etc/hostname'>", "file:///etc/hostname"),
    ],
)
def test_page_that_complains_or_looks_elsewhere_is_not_silent(
    visit: Visit, heard: Heard, tmp_path: Path, page: str, told: str
) -> None:
    """A console message, an error, a dialog, and a file outside of the page's folder each fail their test."""
    (tmp_path / "page.html").write_text(page)
    visit(tmp_path / "page.html").wait_for_timeout(100)
    with pytest.raises(AssertionError, match=told):
        heard.nothing()
    heard.complaints.clear()
    heard.requests.clear()
