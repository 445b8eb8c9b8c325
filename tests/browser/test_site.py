"""The site as a reader meets it: in Chromium, over http and from disk, with and without JavaScript."""

from __future__ import annotations

import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from leaderboard.build import build_site
from leaderboard.serve import make_server
from tests.leaderboard.factory import make_curve_results, make_release, write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
HOSTILE = "<img src=//evil.example/x onerror=alert(1)>"
PAGES = ["index.html", "models/sparse_gpr.html"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    results = make_curve_results("sparse_gpr", {100: 200, 310: 110, 1000: 60, 3100: 40, 10_000: 30})
    results += make_curve_results("neural_network_with_quite_a_long_name_indeed", {100: 320, 1000: 107, 3100: 77})
    results += make_curve_results(HOSTILE, {100: 500, 310: 400}, description=HOSTILE, options={HOSTILE: HOSTILE})
    results += make_curve_results("sparse_gpr", {100: 210, 310: 120}, release=make_release(version="0.9.0", digest="b2" * 32))
    return build_site([write_folder(folder / "results", results)], folder / "site").parent


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with make_server(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("these tests need Chromium on the PATH: expected the program `chromium`, got none; `apt install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def readers(browser: Browser) -> Iterator[dict[bool, BrowserContext]]:
    """Browsers with and without JavaScript; shared, so that Plotly is fetched and compiled once."""
    contexts = {script: browser.new_context(java_script_enabled=script) for script in (True, False)}
    yield contexts
    for context in contexts.values():
        context.close()


@contextmanager
def open_page(readers: dict[bool, BrowserContext], url: str, *, width: int = 1280, script: bool = True) -> Iterator[Page]:
    """Open a page and wait for its plots; on leaving, nothing may have been logged or asked of another host."""
    page = readers[script].new_page()
    page.set_viewport_size({"width": width, "height": 900})
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    if script:
        wait_for_plots(page)
    yield page
    page.close()
    assert complaints == []
    assert {urlsplit(request).netloc for request in asked if not request.startswith("data:")} == {urlsplit(url).netloc}


def wait_for_plots(page: Page) -> None:
    expect(page.locator(".frame:not(.is-drawn)")).to_have_count(0, timeout=20_000)


def test_plot_is_drawn_and_answers_to_pointer_and_legend(readers, address):
    with open_page(readers, address) as page:
        plot = page.locator(".plot").first
        expect(page.locator("svg.drawing").first).to_be_hidden()
        expect(plot.locator(".legend .traces").first).to_be_visible()
        lines = plot.locator(".scatterlayer .js-line").count()

        plot.scroll_into_view_if_needed()
        box = plot.locator(".scatterlayer .point").nth(2).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(plot.locator(".hoverlayer .hovertext")).to_contain_text("MAE 61.2 meV")

        assert plot.get_by_text("Published 2022, another dataset").count() == 1
        plot.locator(".legend .traces", has_text="Sparse GPR, best fit").locator(".legendtoggle").click()
        expect(plot.locator(".scatterlayer .js-line")).to_have_count(lines + 4)


def test_hostile_name_is_text_and_runs_nothing(readers, address):
    with open_page(readers, address) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        assert page.locator("img").count() == 0
        page.get_by_role("link", name=HOSTILE).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        wait_for_plots(page)


def test_every_local_link_leads_to_a_file(readers, site, address):
    with open_page(readers, address, script=False) as page:
        links = page.locator("a[href]").evaluate_all("all => all.map(a => a.href)")
        local = {urlsplit(link).path for link in links if link.startswith(address)}
        assert {"/results.csv", "/api/v1/results.json", "/models/sparse_gpr.html"} <= local
        assert all((site / path.lstrip("/")).exists() for path in local)
        assert {urlsplit(link).netloc for link in links if not link.startswith(address)} == {"doi.org"}
        assert page.locator("a[href^='#']").evaluate_all("all => all.every(a => document.querySelector(a.getAttribute('href')))")


def test_reader_goes_to_a_model_and_back(readers, address):
    with open_page(readers, address, script=False) as page:
        page.get_by_role("link", name="sparse_gpr").first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("sparse_gpr")
        page.get_by_role("link", name="Leaderboard").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("SynthAtoms leaderboard")


@pytest.mark.parametrize("path", PAGES)
def test_without_javascript_table_and_drawing_are_there(readers, address, path):
    with open_page(readers, address + path, script=False) as page:
        expect(page.locator("table").first).to_be_visible()
        expect(page.get_by_role("cell", name="30.6", exact=False).first).to_be_visible()
        expect(page.locator("svg.drawing").first).to_be_visible()


def scrolls_sideways(page: Page) -> bool:
    """Return whether the page, with everything unfolded, is wider than its window."""
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
    return page.evaluate("document.documentElement.scrollWidth > innerWidth")


@pytest.mark.parametrize("path", PAGES)
def test_phone_without_javascript_never_scrolls_sideways(readers, address, path):
    with open_page(readers, address + path, width=390, script=False) as page:
        assert not scrolls_sideways(page)


@pytest.mark.parametrize("path", PAGES)
def test_opens_from_disk_on_a_phone_and_never_scrolls_sideways(readers, site, path):
    with open_page(readers, (site / path).as_uri(), width=390) as page:
        expect(page.locator("table").first).to_be_visible()
        expect(page.locator(".plot .scatterlayer .js-line").first).to_be_visible()
        assert page.evaluate("innerWidth") == 390
        assert not scrolls_sideways(page)


def contrast(page: Page, selector: str) -> float:
    """Return the WCAG contrast of an element's text (or fill) with the page's ground."""
    return page.locator(selector).first.evaluate(
        """element => {
            const light = colour => {
                const linear = colour.match(/[0-9.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
            };
            const style = getComputedStyle(element);
            const ink = element instanceof SVGElement ? style.fill : style.color;
            const pair = [light(ink), light(getComputedStyle(document.body).backgroundColor)].sort((a, b) => a - b);
            return (pair[1] + 0.05) / (pair[0] + 0.05);
        }"""
    )


def test_text_and_plot_can_be_read_in_light_and_dark(readers, address):
    selectors = ["h1", "td.number", "caption", "tbody a", ".spread", ".plot .xtick text", ".plot .ytitle", ".plot .legendtext"]
    with open_page(readers, address) as page:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
            assert all(contrast(page, selector) >= 4.5 for selector in selectors)
            assert contrast(page, ".plot .point") >= 3


def test_keyboard_reaches_the_content_first_and_shows_focus(readers, address):
    with open_page(readers, address, script=False) as page:
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        assert skip.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
