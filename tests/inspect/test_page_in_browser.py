"""The page in a real browser without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lazygrad as lg
from lazygrad._graph.traverse import ancestors
from tests.helpers.page_data import count_requests, count_steps, read_data
from tests.helpers.picture_graphs import HOSTILE, build_hostile, build_layers
from tests.helpers.small_network import two_layers

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium, of playwright or of the system; tests are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` (playwright) is not installed")
    own = [found for name in BROWSERS if (found := shutil.which(name))]
    with sync_api.sync_playwright() as play:
        options = {"args": ["--no-sandbox"]}  # in a container there may be none
        try:
            started = play.chromium.launch(**options)
        except sync_api.Error:
            if not own:
                pytest.skip("no Chromium here: run `playwright install chromium`, or install one")
            started = play.chromium.launch(executable_path=own[0], **options)
        yield started
        started.close()


class Tab:
    """An opened page, and what went wrong in it."""

    def __init__(self, context: Any, path: Path) -> None:
        self.wrong: list[str] = []
        self.page = page = context.new_page()
        page.on("console", lambda message: self.wrong.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        page.on("request", lambda asked: self.wrong.extend([asked.url] if asked.url.startswith("http") else []))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready=yes]", timeout=180_000)

    def counts(self) -> list[int]:
        return self.page.evaluate("lazygrad.counts()")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def places(self) -> list[tuple[float, float]]:
        found = self.page.evaluate("lazygrad.boxes.map((_, k) => lazygrad.cy.getElementById(`n${k}`).position())")
        return [(place["x"], place["y"]) for place in found]

    def click(self, k: int) -> None:
        """Click on a box."""
        at = self.page.evaluate(f"lazygrad.cy.getElementById('n{k}').renderedPosition()")
        frame = self.page.locator("#graph").bounding_box()
        self.page.mouse.click(frame["x"] + at["x"], frame["y"] + at["y"])

    def slide(self, step: int) -> None:
        """Move the slider as a user does."""
        self.page.locator("#slider").fill(str(step))


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Write a page and open it, offline."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    tabs: list[Tab] = []

    def open_page(*args: Any, **options: Any) -> Tab:
        L, wrt, *rest = args
        tabs.append(Tab(context, lg.inspect.page(L, wrt, tmp_path / "report.html", *rest, **options)))
        return tabs[-1]

    yield open_page
    for k, tab in enumerate(tabs):
        if folder := os.environ.get("LAZYGRAD_SCREENSHOTS"):
            name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0]
            tab.page.screenshot(path=Path(folder) / f"{name}-{k}.png")
        assert tab.wrong == []
    context.close()


def network(count: int) -> tuple[lg.Node, dict[str, lg.Node], lg.Report]:
    L, parameters = build_layers(count)
    with lg.record() as report:
        lg.gradient(L, "net/layer0/W")
        lg.gradient(L, f"net/layer{count - 1}/b")
    return L, parameters, report


def test_the_page_opens_arranged_and_counts(opened: Any) -> None:
    L, parameters, report = network(4)
    tab = opened(L, parameters["net/layer0/W"], report)
    assert tab.counts() == count_requests(report)
    assert tab.text("#busy-text") == ""
    places = tab.places()
    assert len(set(places)) == len(ancestors(L))
    for a, b in tab.page.evaluate("lazygrad.boxes.flatMap((box, k) => box.consumers.map(c => [k, c]))"):
        assert places[a][1] < places[b][1]  # inputs above their consumers
    assert tab.page.title() == "lazygrad: L"
    tab.page.click("#turn")
    tab.page.wait_for_selector("#busy", state="hidden")
    places = tab.places()
    assert places[0][0] < places[3][0] < places[-1][0]


def test_the_slider_replays_the_steps(opened: Any, tmp_path: Path) -> None:
    L, parameters, report = network(3)
    tab = opened(L, parameters["net/layer0/W"], report)
    data = read_data(tmp_path / "report.html")
    last = len(data["steps"]) // 3
    for step in (0, 1, last // 3, last // 2, last - 1, last):
        tab.slide(step)
        assert tab.counts() == count_steps(data["steps"], step)
        assert (f"step {step} of {last}" in tab.text("#step")) == bool(step)
    tab.slide(0)
    fills = "lazygrad.boxes.map((_, k) => lazygrad.cy.getElementById(`n${k}`).data('fill'))"
    assert len(set(tab.page.evaluate(fills))) == 1  # nothing has been touched
    tab.page.focus("#slider")
    tab.page.keyboard.press("ArrowRight")
    assert "step 1 of" in tab.text("#step")
    tab.slide(data["queries"][1][0] + 1)
    assert tab.text("#query") == "dL/dnet/layer2/b"
    tab.page.click("#now")
    assert tab.counts() == count_requests(report)
    assert len(set(tab.page.evaluate(fills))) == 3  # untouched, computed, hit
    tab.page.click("#play")
    tab.page.wait_for_function("() => /step [2-9]/.test(document.getElementById('step').textContent)")
    tab.page.keyboard.press("Escape")
    tab.page.click("#play")
    assert tab.page.get_attribute("#play", "aria-label") == "Play"


def test_search_and_a_click_show_a_node(opened: Any) -> None:
    L, parameters, report = network(4)
    tab = opened(L, parameters["net/layer0/W"], report)
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("LAYER2/w")
    assert tab.page.locator("#found li").count() == 1
    tab.page.keyboard.press("Enter")
    assert tab.text("#panel h2") == "net/layer2/W"
    panel = tab.text("#panel")
    assert "(2, 2)" in panel
    assert "[[1., 0.],\n [0., 1.]]" in panel
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("no such name")
    assert tab.text("#found") == "nothing is called like that"
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("f")
    tab.click(len(ancestors(L)) - 1)
    assert "not computed" in tab.text("#panel")
    tab.page.click("#panel .chip")
    assert tab.text("#panel h2") == "multiply"
    assert "reads" in tab.text("#panel")
    tab.page.click("#close")
    assert not tab.page.is_visible("#panel")


def test_pan_and_zoom(opened: Any) -> None:
    L, parameters, report = network(4)
    tab = opened(L, parameters["net/layer0/W"], report)
    zoom, x = tab.page.evaluate("[lazygrad.cy.zoom(), lazygrad.cy.pan().x]")
    tab.page.mouse.move(900, 300)
    tab.page.mouse.wheel(0, -300)
    tab.page.wait_for_function("zoom => lazygrad.cy.zoom() > zoom", arg=zoom)
    tab.page.mouse.down()
    tab.page.mouse.move(1000, 350, steps=4)
    tab.page.mouse.up()
    assert tab.page.evaluate("lazygrad.cy.pan().x") != x


def test_hostile_names_are_shown_and_not_run(opened: Any) -> None:
    L, leaves, report = build_hostile()
    tab = opened(L, leaves[3], report)
    for k, leaf in enumerate(leaves):
        place = next(n for n, node in enumerate(ancestors(L)) if node is leaf)
        tab.page.evaluate(f"lazygrad.choose({place})")
        if HOSTILE[k].isprintable() or "\n" in HOSTILE[k]:
            assert tab.page.text_content("#panel h2") == leaf.name
    tab.page.fill("#search", "</script>")
    assert tab.text("#found li span") == HOSTILE[3]
    tab.slide(3)
    assert tab.page.evaluate("typeof window.hacked") == "undefined"


def test_without_a_report_there_is_no_replay(opened: Any) -> None:
    n = two_layers()
    tab = opened(n["L"], None)
    assert tab.page.is_disabled("#slider")
    assert tab.page.is_disabled("#play")
    assert tab.counts() == [0] * 6
    assert "record" in tab.text("#step")


def test_five_thousand_nodes_stay_usable(opened: Any) -> None:
    L, parameters, report = network(998)
    assert 4990 <= len(ancestors(L)) <= 5000
    tab = opened(L, parameters["net/layer0/W"], report)
    assert tab.page.evaluate("lazygrad.boxes.length") == len(ancestors(L))
    assert tab.text("#busy-text") == ""
    assert tab.counts() == count_requests(report)
    tab.slide(5000)
    assert "step 5,000" in tab.text("#step")
    tab.page.fill("#search", "layer500/b")
    tab.page.keyboard.press("Enter")
    assert tab.text("#panel h2") == "net/layer500/b"
    tab.page.keyboard.press("Escape")
    zoom = tab.page.evaluate("lazygrad.cy.zoom()")
    tab.page.mouse.move(600, 400)
    tab.page.mouse.wheel(0, 200)
    tab.page.wait_for_function("zoom => lazygrad.cy.zoom() < zoom", arg=zoom)
    tab.page.click("#fit")
    assert tab.page.evaluate("lazygrad.cy.zoom()") < zoom


def test_folded_boxes_in_the_page(opened: Any) -> None:
    L, parameters, report = network(300)
    tab = opened(L, parameters["net/layer7/W"], report, max_nodes=50)
    assert tab.page.evaluate("lazygrad.boxes.length") <= 50
    assert tab.counts() == count_requests(report)
    tab.page.fill("#search", "layer200/b")
    tab.page.keyboard.press("Enter")
    assert tab.text("#panel h2") == "net/layer8 … net/layer298"
    assert "1,455 nodes" in tab.text("#panel")
