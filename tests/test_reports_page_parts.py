"""Style and scripts are inside of a page, and its policy names them and nothing else."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from reports import page_parts as parts_module
from reports.html import render_html
from reports.page_parts import TEMPLATES, page_parts, scripts_of
from tests.reports_samples import case_of, planned, run_of


def hashes_of(page: str, tag: str) -> set[str]:
    """Hash what stands between the tags, as a browser does."""
    inner = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inner}


def test_policy_allows_exactly_what_is_between_the_tags() -> None:
    """A byte that is added between file and page would keep a browser from running it."""
    page = render_html(run_of(case_of(planned(), 4.0)))
    policy = re.search(r'Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    allowed = {name: set(rest) for name, *rest in (part.split() for part in policy[1].replace("&#39;", "'").split(";"))}
    assert allowed["style-src"] == hashes_of(page, "style")
    assert allowed["script-src"] == (hashes_of(page, "script") or {"'none'"})
    assert allowed["default-src"] == {"'none'"}
    assert not [source for sources in allowed.values() for source in sources if "unsafe" in source or "*" in source]


def test_templates_have_no_style_attributes_and_no_event_handlers() -> None:
    """The policy would keep both from working, so that they would only work where nobody looks."""
    for path in TEMPLATES.rglob("*.j2"):
        assert not re.findall(r"""\s(?:style|on[a-z]+)=["']""", path.read_text(encoding="utf-8")), path


def test_every_script_of_the_folder_is_taken_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is a script of the page by lying there; each has its own hash."""
    monkeypatch.setattr(parts_module, "TEMPLATES", tmp_path)
    (tmp_path / "scripts").mkdir()
    for name in ("b.js", "a.js", "c.txt"):
        (tmp_path / "scripts" / name).write_text(name, encoding="utf-8")
    assert scripts_of("scripts") == ["scripts/a.js", "scripts/b.js"]
    parts = page_parts([], scripts_of("scripts"))
    assert parts.scripts == ["a.js", "b.js"]
    assert len(set(re.findall(r"script-src ('sha256-\S+') ('sha256-\S+');", parts.policy)[0])) == 2


@pytest.mark.parametrize("text", ["x = '</script>'", "<!--", "'</SCRIPT'"])
def test_script_that_would_end_its_own_tag_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would spill into the page as text; the message names the file and what to do."""
    monkeypatch.setattr(parts_module, "TEMPLATES", tmp_path)
    (tmp_path / "a.js").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"reports/templates/a\.js holds .* would end its own tag; write it apart"):
        page_parts([], ["a.js"])
