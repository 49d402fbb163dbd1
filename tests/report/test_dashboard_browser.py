"""The dashboard of a run, looked at in a real browser."""

import shutil
from urllib.parse import urlsplit

import optuna
import pytest
from playwright.sync_api import Error, expect

from tests.browser import WIDTHS, browser, open_page, screenshots
from tests.report.searched import HOSTILE, NUM_MEASURED, searched
from tests.report.serving import serving

__all__ = ["browser", "screenshots", "searched"]

SLOW, HOSTILE_ONE, BROKEN, RUNNING = 4, 15, 16, 17  # trials of `searched`
PATIENCE_MS = 30_000
POINTS = """plot => plot.data.flatMap(trace => [...trace.x].map(
    (x, place) => [trace.hovertemplate.match(/<extra>(.*)<\\/extra>/)[1], x, trace.y[place]]
)).filter(point => point[1] != null)"""  # trials without values are in it, but have no place
SCRIPT = """() => {
    const script = document.createElementNS("http://www.w3.org/2000/svg", "script");
    script.textContent = "window.ran = 1";
    document.documentElement.append(script);
    if (!window.ran) throw "it did not run";
}"""
LOADED = "image => image.complete && image.naturalWidth > 0"
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def address(searched, tmp_path_factory):
    copied = tmp_path_factory.mktemp("served") / searched.name
    shutil.copytree(searched, copied)
    with serving(copied) as told:
        yield told


@pytest.fixture(scope="module")
def trials(searched):
    storage = f"sqlite:///{searched / 'study.db'}"
    return optuna.load_study(study_name=searched.name, storage=storage).trials


@pytest.fixture
def look(browser, address):
    """Opens a page below the study; at the end it must have behaved."""
    opened = []

    def page_of(path="", width=1280):
        watched = open_page(browser, f"{address}{path}", width=width)
        watched.page.set_default_timeout(PATIENCE_MS)
        opened.append(watched)
        return watched.page

    yield page_of
    for watched in opened:
        watched.page.close()
        assert watched.errors == []
        hosts = {urlsplit(url).hostname for url in watched.requests if url.startswith("http")}
        assert hosts == {"127.0.0.1"}


def plot_under(page, title):
    """The plotly plot of the card with this title, once it is drawn."""
    card = page.locator(".MuiCard-root").filter(has_text=title)
    plot = card.locator(".js-plotly-plot")
    plot.locator(".main-svg").first.wait_for()
    return plot


def test_front_has_a_point_for_each_complete_trial(look, trials, screenshots):
    page = look()
    plot = plot_under(page, "Pareto Front")
    plot.locator(".points path").first.wait_for()
    points = plot.evaluate(POINTS)
    assert len(points) == NUM_MEASURED
    measured = {tuple(trial.values) for trial in trials if trial.values}
    assert {(x, y) for _, x, y in points} == measured
    assert plot.locator(".points path").count() == NUM_MEASURED, "drawn, too"
    page.screenshot(path=screenshots / "dashboard-1280.png", full_page=True)


def test_best_trials_are_those_that_nothing_beats(look, trials):
    points = plot_under(look(), "Pareto Front").evaluate(POINTS)
    done = [trial.values for trial in trials if trial.values]
    unbeaten = {
        (psnr_db, ms) for psnr_db, ms in done
        if not any(p >= psnr_db and m <= ms and (p, m) != (psnr_db, ms) for p, m in done)
    }  # fmt: skip
    assert {(x, y) for kind, x, y in points if kind == "Best Trial"} == unbeaten
    assert {kind for kind, _, _ in points} == {"Best Trial", "Trial"}


def test_objectives_are_named(look):
    page = look()
    plot_under(page, "Pareto Front")
    card = page.locator(".MuiCard-root").filter(has_text="Pareto Front")
    assert card.get_by_role("combobox").all_inner_texts() == ["psnr_int8_db", "latency_ms"]
    history = plot_under(page, "History")
    expect(history.locator(".ytitle")).to_have_text("psnr_int8_db")


def test_importance_and_timeline_are_drawn(look):
    page = look()
    importance = plot_under(page, "Hyperparameter Importance")
    traces = importance.evaluate("plot => plot.data.map(t => [t.name, t.y.length])")
    assert [name for name, _ in traces] == ["psnr_int8_db", "latency_ms"]
    assert all(count > 5 for _, count in traces)
    timeline = plot_under(page, "Timeline")
    states = timeline.evaluate("plot => plot.data.map(t => [t.name, t.y.length])")
    assert dict(states) == {"Complete": NUM_MEASURED, "Pruned": 4, "Fail": 1, "Running": 1}


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_their_width(look, screenshots, width):
    for name, path in (("study", ""), ("trial", "/trials?numbers=1"), ("note", "/note")):
        page = look(path, width)
        title = "Study Artifacts" if name == "study" else "Note"
        page.locator("main").get_by_text(title, exact=True).first.wait_for()
        if name == "study":
            plot_under(page, "Pareto Front").locator(".points path").first.wait_for()
        if name == "trial":
            wait_for_pictures(page, 4)
        page.screenshot(path=screenshots / f"dashboard-{name}-{width}.png", full_page=True)
        assert page.evaluate(WIDTH) == width


def wait_for_pictures(page, count):
    """Until so many pictures of artifacts are there, and each was drawn."""
    pictures = page.locator("main img[src^='/artifacts/']")
    expect(pictures).to_have_count(count, timeout=PATIENCE_MS)
    for picture in pictures.all():
        page.wait_for_function(LOADED, arg=picture.element_handle())


def test_trial_shows_its_drawing_its_numbers_and_its_files(look, trials, screenshots):
    page = look("/trials?numbers=1")
    drawing = page.get_by_role("img", name="The network of trial 1", exact=True)
    page.wait_for_function(LOADED, arg=drawing.element_handle())
    assert drawing.bounding_box()["width"] > 200
    expect(page.locator("main")).to_contain_text("Best of the run: trained anew for 3,000 steps")
    expect(page.locator("main td").filter(has_text="XCAT-B")).to_be_visible()
    psnr_db = trials[1].values[0]
    expect(page.locator("main td").filter(has_text=f"{psnr_db:.2f} dB as INT8")).to_be_visible()
    for name in ("crops.png", "curve.svg", "network.svg", "network.txt"):
        expect(page.get_by_text(name, exact=True)).to_be_attached()
    wait_for_pictures(page, 4)
    page.set_viewport_size({"width": 1280, "height": 2700})
    page.screenshot(path=screenshots / "dashboard-trial-whole.png")


def test_refused_trial_looks_infeasible_and_says_why(look, trials, screenshots):
    page = look(f"/trials?numbers={SLOW}")
    expect(page.locator("main")).to_contain_text(
        f"Infeasible, refused before training: {trials[SLOW].user_attrs['reason']}"
    )
    expect(page.locator("h4 + div").get_by_text("Pruned", exact=True)).to_be_visible()
    wait_for_pictures(page, 2)
    page.screenshot(path=screenshots / "dashboard-refused-1280.png")


def test_broken_and_running_trials_say_so(look):
    page = look(f"/trials?numbers={BROKEN}")
    expect(page.locator("main")).to_contain_text("Failed: the loss is not a number")
    page = look(f"/trials?numbers={RUNNING}")
    expect(page.locator("main")).to_contain_text("In training.")
    wait_for_pictures(page, 2)


def test_hostile_reason_is_text(look):
    page = look(f"/trials?numbers={HOSTILE_ONE}")
    expect(page.locator("main")).to_contain_text(HOSTILE)
    assert page.title() == "Optuna Dashboard"
    assert page.locator("main img").count() == 0
    assert page.locator("main a[href^='javascript']").count() == 0
    assert page.locator("main script").count() == 0


def test_file_opened_alone_runs_nothing(look, browser, address):
    picture = look("/trials?numbers=0").locator("main img[src^='/artifacts/']").first
    alone = address.split("/dashboard")[0] + picture.get_attribute("src")
    watched = open_page(browser, alone)
    with pytest.raises(Error, match="it did not run"):
        watched.page.evaluate(SCRIPT)
    assert "Blocked script execution" in watched.errors[0]
    watched.page.close()


def test_note_that_a_person_writes_stays(look):
    page = look("/trials?numbers=2")
    page.locator("main").get_by_text("Trained to the end").wait_for()
    page.locator("main [data-testid='EditIcon']").click()
    page.locator("textarea").first.fill("seen by me")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("seen by me")
    page.reload()
    expect(page.locator("main")).to_contain_text("seen by me")
    expect(page.locator("main")).not_to_contain_text("Trained to the end")
