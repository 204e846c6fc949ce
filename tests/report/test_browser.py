"""The page in a real browser, headless: no console messages, no requests, nothing wider than the window; skipped without one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import made_plans
import pytest

from planner.domain.plan import Plan
from planner.report.page import render

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PLANS: tuple[Callable[[], Plan], ...] = (made_plans.quickstart, made_plans.scenarios, made_plans.levers, made_plans.explored)
PROGRAM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
GROUND = {"light": "rgb(244, 246, 249)", "dark": "rgb(14, 19, 26)"}
LOOKS = """() => ({
  over: document.documentElement.scrollWidth - window.innerWidth,
  ground: getComputedStyle(document.body).backgroundColor,
  shown: [...document.querySelectorAll('svg.fig')].filter(one => one.checkVisibility()).length,
  figures: document.querySelectorAll('figure').length,
  letters: Math.min(...[...document.querySelectorAll('svg.fig')].filter(one => one.checkVisibility())
    .map(one => 11 * one.getBoundingClientRect().width / one.viewBox.baseVal.width)),
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if PROGRAM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("made", PLANS)
def test_the_page_opens_quietly_in_light_and_dark_on_desks_and_telephones(
    browser: Browser, made: Callable[[], Plan], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(made()), encoding="utf-8")
    for scheme, width in product(("light", "dark"), (360, 1600)):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        looks = page.evaluate(LOOKS)
        page.close()
        assert said == []
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert looks["over"] <= 0
        assert looks["ground"] == GROUND[scheme]
        assert looks["shown"] == looks["figures"]  # one of the two drawings of each
        assert looks["letters"] >= 10.0


def test_it_prints_in_light_without_what_only_a_screen_needs(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(made_plans.quickstart()), encoding="utf-8")
    page = browser.new_page(color_scheme="dark", viewport={"width": 400, "height": 800})
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(path.as_uri())
    shown = page.evaluate("() => ['.toc', '.slim', '.wide'].map(one => document.querySelector(one).checkVisibility())")
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("() => getComputedStyle(document.body).color")
    page.close()
    assert shown == [False, False, True]
    assert (ground, ink) == ("rgb(255, 255, 255)", "rgb(20, 27, 38)")
