"""Each track shows its recipes, the fields that differ in bold, the others once."""

from reports.html import render_html
from reports.recipes import recipe_tables
from tests.reports_samples import case_of, planned, replaced, run_of


def test_tracks_are_apart_and_differing_fields_are_rows() -> None:
    """Student and teacher of the matched track differ in sampling and licence; what is the same stands once."""
    cases = [case_of(planned(), 4.0), case_of(planned(prompt="cat"), 4.0), case_of(planned("wan2.1-t2v-1.3b"), 64.0)]
    published = replaced(case_of(planned(track="published"), 4.0), attention="native")
    matched, own = recipe_tables(run_of(*cases, published))
    assert matched.columns == ["causvid-1.3b 480p81", "wan2.1-t2v-1.3b 480p81"]
    assert matched.rows == {
        "steps": ["3", "50"],
        "guidance_scale": ["1", "5"],
        "shift": ["8", "3"],
        "licence": ["CC BY-NC-SA 4.0", "Apache-2.0"],
    }
    assert matched.same["attention"] == "native_cudnn"
    assert "lora" not in matched.same
    assert (own.track, own.rows, own.same["attention"]) == ("published", {}, "native")


def test_page_has_a_table_a_track() -> None:
    """Both tracks with the axes in which their recipes differ; an empty run has none."""
    run = run_of(
        case_of(planned(), 4.0), case_of(planned("wan2.1-t2v-1.3b"), 64.0), case_of(planned(track="published"))
    )
    page = " ".join(render_html(run).split())
    assert "matched track: 2 recipes, which differ in steps, guidance_scale, shift, licence" in page
    assert "published track: 1 recipe</summary>" in page
    assert "Recipes, and where" not in render_html(run_of())
