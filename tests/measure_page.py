"""How long a page of many cases takes to make and to open, printed: `python -m tests.measure_page`.

No test asserts a duration. The cases are made up, with a clip each that is not there; charts are drawn. Opening is from
the navigation's start to the load event, in a Chromium on this machine, from a disk.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from reports.html import render_html
from tests.test_page_size import run_of_many, sweep

OPENED = "performance.timing.loadEventEnd - performance.timing.navigationStart"


def opened_s(path: Path) -> float | None:
    """Open a page in a fresh Chromium; None where there is none."""
    if (browser := shutil.which("chromium")) is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page()
        page.set_default_timeout(120_000)
        page.goto(path.as_uri())
        page.wait_for_function(f"() => {OPENED} > 0")
        found: float = page.evaluate(OPENED) / 1000
        chromium.close()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each number of cases, and one for a sweep of ten models in so many settings on one prompt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--settings", type=int, default=50)
    options = parser.parse_args(arguments)
    runs = {f"{count} cases of one model": run_of_many(count) for count in options.cases}
    runs[f"{10 * options.settings} cases, 10 models in each setting"] = sweep(10, options.settings)
    render_html(run_of_many(2), charts=True)  # compiles the templates and loads what draws the charts
    for name, run in runs.items():
        start_s = time.process_time()
        text = render_html(run, charts=True)
        rendered_s = time.process_time() - start_s
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "report.html"
            path.write_text(text, encoding="utf-8")
            in_s = opened_s(path)
        opening = "no chromium to open it" if in_s is None else f"opened in {in_s:.1f} s"
        print(f"{name}: made in {rendered_s:.1f} s of CPU, {len(text) / 2**20:.1f} MiB, {opening}")


if __name__ == "__main__":
    main()
