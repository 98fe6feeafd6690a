"""Prompt files: what is read, what is refused and with which words."""

import hashlib
import json
import re
import string
import unicodedata
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.prompts import Prompt, PromptFileError, generation_text, prompt_sha256, read_prompts

SUITE = Path(__file__).parent.parent / "benchmarks" / "prompts" / "suite.toml"
ENTRY = '[[prompts]]\nid = "{id}"\ntext = "{text}"\nlicence = "CC0-1.0"\nsource = "test"\n'
SAFE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_suite_prompts_are_many_even_and_free() -> None:
    """The project's own prompts: 32 or more, motion classes even, CC0, long texts of 60 to 100 words, dogs first."""
    prompts = read_prompts(SUITE)
    motions = Counter(prompt.motion for prompt in prompts)
    assert prompts[0].id == "dogs"
    assert len(prompts) >= 32
    assert set(motions) == {"static", "slow", "moderate", "fast", "camera"}
    assert max(motions.values()) - min(motions.values()) <= 1, motions
    assert {(prompt.licence, prompt.source) for prompt in prompts} == {("CC0-1.0", "written for this project")}
    lengths = {prompt.id: len(prompt.extended_text.split()) for prompt in prompts}
    assert {name: words for name, words in lengths.items() if not 60 <= words <= 100} == {}
    assert len({prompt_sha256(prompt) for prompt in prompts}) == len(prompts)


def test_toml_fields_are_read_with_defaults(tmp_path: Path) -> None:
    """What an entry leaves out is empty or unknown."""
    path = written(tmp_path, "p.toml", ENTRY.format(id="a.b_c-1", text="A cat."))
    assert read_prompts(path) == (Prompt(id="a.b_c-1", text="A cat.", licence="CC0-1.0", source="test"),)
    assert read_prompts(path)[0].motion == "unknown"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ENTRY.format(id="a", text="x") + "foo = 1\n", "Object contains unknown field `foo` - at `$.prompts[0]`"),
        (ENTRY.format(id="a", text="x") + "[other]\n", "Object contains unknown field `other`"),
        (ENTRY.format(id="a", text="x") + 'motion = "wild"\n', "Invalid enum value 'wild' - at `$.prompts[0].motion`"),
        ('[[prompts]]\nid = "a"\n', "Object missing required field `text` - at `$.prompts[0]`"),
        (ENTRY.format(id="A b", text="x"), "at `$.prompts[0].id`"),
        (ENTRY.format(id="../a", text="x"), "at `$.prompts[0].id`"),
        (ENTRY.format(id="a\\n", text="x"), "at `$.prompts[0].id`"),
        (ENTRY.format(id="a" * 65, text="x"), "at `$.prompts[0].id`"),
        (ENTRY.format(id="", text="x"), "at `$.prompts[0].id`"),
        (ENTRY.format(id="a", text=" \\t"), "prompt text is empty at `$.prompts[0].text`"),
        (ENTRY.format(id="a", text="x") + 'extended_text = " "\n', "empty at `$.prompts[0].extended_text`"),
        (ENTRY.format(id="a", text="x\\u0000"), "NUL (U+0000) at `$.prompts[0].text`, character 2"),
        (ENTRY.format(id="a", text="\\ud800"), "(at line 3"),
        (ENTRY.format(id="a", text="x") * 2, "must be unique, these occur more than once: 'a'"),
        ("prompts = []\n", "holds no prompts, at least 1 is needed"),
        ("prompts = [\n", "(at end of document)"),
        ("", "Object missing required field `prompts`"),
    ],
)
def test_bad_toml_names_file_and_place(tmp_path: Path, content: str, said: str) -> None:
    """Every refusal begins with the file and says where in it."""
    path = written(tmp_path, "prompts.toml", content)
    with pytest.raises(PromptFileError, match=re.escape(said)) as caught:
        read_prompts(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", "", "holds no prompts"),
        ("p.txt", "\n# only a comment\n  \n", "holds no prompts"),
        ("p.txt", "a cat\na d\0g\n", "NUL (U+0000) at line 2, character 4"),
        ("p.txt", b"a cat\n\xff\n", "not UTF-8 at byte offset 6 (invalid start byte)"),
        ("p.txt", b"\xed\xa0\x80", "not UTF-8 at byte offset 0"),
        ("p.toml", b"# \xe4\n", "not UTF-8 at byte offset 2"),
        ("p.json", "[]", "holds no prompts"),
        ("p.json", "[{", "Input data was truncated; expected a list as in VBench_full_info.json"),
        ("p.json", '[{"prompt": "x"}]', "Object missing required field `prompt_en` - at `$[0]`"),
        ("p.json", '[{"prompt_en": " ", "dimension": []}]', "prompt text is empty at `$[0].prompt_en`"),
        ("p.json", '[{"prompt_en": "\\u0000", "dimension": []}]', "NUL (U+0000) at `$[0].prompt_en`"),
        ("p.json", '[{"prompt_en": "\\ud800.", "dimension": []}]', "expected a list as in VBench"),
        ("p.csv", "x", "unknown kind of prompt file '.csv'; rename it to one of the known kinds: .toml, .txt, .json"),
        ("p", "x", "unknown kind of prompt file ''"),
    ],
)
def test_bad_text_and_json_name_file_and_place(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    """Empty files, NUL, broken UTF-8, lone surrogates and unknown kinds are refused, each in its own words."""
    with pytest.raises(PromptFileError, match=re.escape(said)):
        read_prompts(written(tmp_path, name, content))


def test_missing_file_and_folder_are_errors(tmp_path: Path) -> None:
    """A path that cannot be read is refused with the system's reason."""
    with pytest.raises(PromptFileError, match=r"none\.toml: cannot be read \(No such file or directory\)"):
        read_prompts(tmp_path / "none.toml")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(PromptFileError, match=r"folder\.txt: cannot be read \(Is a directory\)"):
        read_prompts(tmp_path / "folder.txt")


@pytest.mark.parametrize(
    "text",
    [
        "日本の桜",
        "كلب يركض على الشاطئ",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "a" * 100_000,
        "x\u2028y",
        "\x1b[31m",
    ],
)
def test_awkward_texts_round_trip_and_stay_out_of_the_id(tmp_path: Path, text: str) -> None:
    """Long, foreign, right-to-left and hostile texts are kept as they are; their ids are plain ASCII."""
    (prompt,) = read_prompts(written(tmp_path, "p.txt", text + "\r\n"))
    assert prompt.text == text
    assert SAFE_ID.fullmatch(prompt.id)


def test_windows_text_file_is_read(tmp_path: Path) -> None:
    """A byte order mark and CRLF are not part of a prompt, and a first line that is a comment stays one."""
    prompts = read_prompts(written(tmp_path, "p.txt", b"\xef\xbb\xbf# mine\r\n  a cat \r\n\r\na dog"))
    assert [prompt.text for prompt in prompts] == ["a cat", "a dog"]


def test_ids_do_not_change_when_lines_are_added(tmp_path: Path) -> None:
    """An id comes from its text, so that old and new runs stay comparable; a repeated text is counted."""
    old = read_prompts(written(tmp_path, "old.txt", "a cat\na dog\n"))
    new = read_prompts(written(tmp_path, "new.txt", "a bird\na dog\na cat\na dog\na dog\n"))
    assert [prompt.id for prompt in new][1:3] == [old[1].id, old[0].id]
    assert [prompt.id for prompt in new][3:] == [f"{old[1].id}-2", f"{old[1].id}-3"]


def test_vbench_duplicates_do_not_collide(tmp_path: Path) -> None:
    """946 entries of which 944 differ give 946 prompts with 946 ids and 944 hashes; other keys are passed over."""
    texts = [f"prompt {number}" for number in range(944)] + ["prompt 3", "prompt 7"]
    entries = [{"prompt_en": text, "dimension": ["color"], "auxiliary_info": {"color": "red"}} for text in texts]
    prompts = read_prompts(written(tmp_path, "VBench_full_info.json", json.dumps(entries)))
    assert [prompt.text for prompt in prompts] == texts
    assert len({prompt.id for prompt in prompts}) == 946
    assert len({prompt_sha256(prompt) for prompt in prompts}) == 944


def test_hash_is_of_the_normalised_generation_text() -> None:
    """The extended text is generated from and hashed; composed and decomposed accents are one text."""
    composed = Prompt(id="a", text="short", extended_text="caf\u00e9", licence="x", source="x")
    decomposed = Prompt(id="b", text="other", extended_text="cafe\u0301", licence="x", source="x")
    assert generation_text(composed) == "caf\u00e9"
    assert generation_text(Prompt(id="c", text="short", licence="x", source="x")) == "short"
    assert prompt_sha256(composed) == prompt_sha256(decomposed) == hashlib.sha256("caf\u00e9".encode()).hexdigest()


LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1).map(str.strip)


@settings(deadline=None)
@given(st.lists(LINES.filter(lambda line: line and line[0] not in "#\ufeff"), min_size=1))
def test_any_text_lines_round_trip(lines: list[str]) -> None:
    """Whatever Unicode a line holds comes back unchanged and in order, with distinct filesystem-safe ids."""
    with TemporaryDirectory() as folder:
        prompts = read_prompts(written(Path(folder), "p.txt", "\n".join(lines)))
    assert [prompt.text for prompt in prompts] == lines
    assert len({prompt.id for prompt in prompts}) == len(lines)
    assert all(SAFE_ID.fullmatch(prompt.id) for prompt in prompts)
    distinct = {unicodedata.normalize("NFC", line) for line in lines}
    assert len({prompt_sha256(prompt) for prompt in prompts}) == len(distinct)


@settings(deadline=None)
@given(st.text(string.printable))
def test_any_printable_text_as_toml_is_refused_in_words(content: str) -> None:
    """Printable text that is no prompt file raises PromptFileError and nothing else."""
    with TemporaryDirectory() as folder:
        path = written(Path(folder), "p.toml", content)
        with pytest.raises(PromptFileError, match=r"p\.toml: "):
            read_prompts(path)
