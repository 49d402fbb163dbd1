"""The report in a real browser: drawn, readable by all, alone on the disk, printed."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from nas.report.compare import write_comparison
from nas.report.page import write_report
from tests.browser import WIDTHS, Watched, browser, open_page, screenshots, violations
from tests.report.conftest import write_run

__all__ = ["browser", "screenshots"]  # fixtures

RULES = (
    "aria-allowed-attr", "bypass", "color-contrast", "document-title", "duplicate-id",
    "duplicate-id-aria", "empty-heading", "empty-table-header", "heading-order", "html-has-lang",
    "image-alt", "landmark-no-duplicate-main", "landmark-one-main", "landmark-unique", "link-name",
    "list", "listitem", "meta-viewport", "nested-interactive", "page-has-heading-one", "region",
    "scope-attr-valid", "scrollable-region-focusable", "skip-link", "svg-img-alt", "tabindex",
    "td-headers-attr", "th-has-data-cells",
)  # fmt: skip
FIGURES = {"run": 6, "comparison": 1, "unfinished": 4}
SCHEMES = ("light", "dark")
# Marks, bars and lines of each figure, as the browser has them.
POINTS = """[...document.querySelectorAll(".js-plotly-plot")].map((plot) =>
    plot.querySelectorAll(".scatterlayer path, .barlayer path").length)"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind."""
    home = tmp_path_factory.mktemp("pages")
    runs = [write_run(home / name, num_trials=60) for name in ("a", "b")]
    unfinished = write_run(home / "c", finished=False)
    return {
        "run": write_report(runs[0]),
        "comparison": write_comparison(runs, home / "comparison.html"),
        "unfinished": write_report(unfinished),
    }


def shown(browser: Browser, file: Path, width: int, scheme: str = "light") -> Watched:
    """The page with all figures drawn."""
    watched = open_page(browser, file.as_uri(), width=width, color_scheme=scheme)
    watched.page.wait_for_selector("html[data-drawn]", state="attached")
    return watched


def ink(page: Page) -> str:
    return str(page.eval_on_selector(".xtick text", "text => getComputedStyle(text).fill"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", FIGURES)
def test_page_is_whole_and_readable_by_all(
    browser: Browser,
    pages: dict[str, Path],
    screenshots: Path,
    kind: str,
    width: int,
    scheme: str,
) -> None:
    watched = shown(browser, pages[kind], width, scheme)
    page = watched.page
    points = page.evaluate(POINTS)
    page.screenshot(path=screenshots / f"report-{kind}-{width}-{scheme}.png", full_page=True)
    assert len(points) == FIGURES[kind]
    assert min(points) >= 4
    assert violations(page, RULES) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert watched.errors == []
    assert watched.requests == [pages[kind].as_uri()]
    page.close()


def test_every_trial_is_a_mark_of_the_front(browser: Browser, pages: dict[str, Path]) -> None:
    page = shown(browser, pages["run"], 1280).page
    counts = page.evaluate(
        """Object.fromEntries(document.querySelector(".js-plotly-plot").data.map(
             (trace) => [trace.name, (trace.hovertext || []).length]))"""
    )
    marks = page.locator(".js-plotly-plot").first.locator(".scatterlayer .points path").count()
    assert marks == sum(counts.values()) > 40
    page.close()


def test_figures_follow_the_colour_scheme(browser: Browser, pages: dict[str, Path]) -> None:
    page = shown(browser, pages["run"], 1280).page
    assert ink(page) == "rgb(28, 37, 48)"
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".xtick text").first).to_have_css("fill", "rgb(231, 236, 242)")
    page.close()


def test_print_is_light_and_whole(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    page = shown(browser, pages["run"], 1280, "dark").page
    page.evaluate(
        """() => addEventListener("beforeprint", () => {
             const widths = [...document.querySelectorAll(".svg-container")].map(
               (each) => each.clientWidth);
             window.printed = [Math.max(...widths), document.querySelectorAll(
               "details:not([open])").length,
               getComputedStyle(document.querySelector(".xtick text")).fill];
           })"""
    )
    file = tmp_path / "page.pdf"
    page.pdf(path=file, format="A4")
    assert file.read_bytes().startswith(b"%PDF")
    width, num_closed, fill = page.evaluate("window.printed")
    assert 0 < width <= 690  # A4 without its margins, at 96 dots an inch
    assert num_closed == 0
    assert fill == "rgb(28, 37, 48)"
    assert ink(page) == "rgb(231, 236, 242)"  # dark again
    page.close()


def test_a_hover_tells_the_network(browser: Browser, pages: dict[str, Path]) -> None:
    page = shown(browser, pages["run"], 1280).page
    star = page.locator(".js-plotly-plot").first.locator(".scatterlayer .points path").last
    star.scroll_into_view_if_needed()
    box = star.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".hoverlayer .hovertext")
    assert "0 input(3)" in page.locator(".hoverlayer").first.text_content()
    page.close()


def test_keyboard_skips_to_the_content(browser: Browser, pages: dict[str, Path]) -> None:
    page = shown(browser, pages["run"], 1280).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    page.close()
