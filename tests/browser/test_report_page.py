"""The HTML report in Chromium: nothing overflows or overlaps on screens and on paper, and axe finds no fault."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.cli.evidence.report import Report
from nsg_baseline.cli.render.report import FORMS
from tests.browser.chromium import Page, browser, find_chromium
from tests.cluster import cache
from tests.cluster.wheels import unpack_wheel
from tests.support.report_story import SINCE, after, delivery, evidence, incident, incidents, story

pytestmark = [pytest.mark.cluster, pytest.mark.browser]
_AXE = Path(__file__).parents[1] / "cluster" / "tools" / "wheels" / "axe.txt"
_LAYOUT = (Path(__file__).parent / "layout.js").read_text()
_PAPER_PIXELS = 718  # A4 without margins of 1 cm, at 96 pixels to the inch
_WINDOWS = [(1280, "screen"), (820, "screen"), (390, "screen"), (_PAPER_PIXELS, "print")]
_LONG = "a" * 80


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    program = find_chromium()
    assert program is not None, "no Chromium: run make test-browser"
    async with browser(program, tmp_path / "profile") as running:
        yield running


def hostile() -> Any:
    """Incidents with the longest names, without spaces, markup in each text, and times that are close together."""
    markup = "<img src=x onerror=document.title='run'>"
    close = {"at": after(seconds=3), "by": markup, "note": _LONG * 4}
    many = [
        incident(
            f"{_LONG}-{number}",
            openedAt=after(hours=number * 12),
            resolvedAt=after(hours=number * 12, seconds=9),
            resolution="Reverted",
            summary=f"{markup} {_LONG}",
            acknowledgement=close,
            deliveries=[delivery(after(hours=number * 12), after(hours=number * 12))],
        )
        for number in range(12)
    ]
    early = incident("early", openedAt=after(days=-19), resolvedAt=after(days=-19), resolution="Approved", summary="x")
    return (*many, early, *incidents())


STORIES: dict[str, Callable[[], Report]] = {
    "story": story,
    "hours": lambda: story(incidents=incidents()[:2], scopes=()),
    "hostile": lambda: story(incidents=hostile(), gaps=(_LONG * 3,)),
    "empty": lambda: story(incidents=(), scopes=(), baselines=(), guardrails=(), routes=()),
}


@pytest.mark.parametrize("name", STORIES)
async def test_nothing_overflows_or_overlaps(page: Page, tmp_path: Path, name: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(FORMS["html"](STORIES[name]()), encoding="utf-8")
    await page.open(file)
    for width, media in _WINDOWS:
        await page.show(width, media=media)
        layout = await page.evaluate(_LAYOUT)
        assert layout["texts"] > 10
        assert layout["faults"] == [], (width, media)
    assert "run" not in await page.evaluate("document.title")


async def test_the_layout_check_sees_faults(page: Page, tmp_path: Path) -> None:
    # A check that finds nothing anywhere proves nothing.
    file = tmp_path / "bad.html"
    file.write_text(
        "<p style='width:3000px'>wide</p><div><b style='position:absolute'>over</b>under</div>"
        f"<div style='overflow:hidden;width:9px'>{_LONG}</div>"
    )
    await page.open(file)
    await page.show(390)
    faults = " ".join((await page.evaluate(_LAYOUT))["faults"])
    for kind in ("the page is", "overlap", "clipped"):
        assert kind in faults


async def test_axe_finds_no_serious_fault(page: Page, tmp_path: Path) -> None:
    folder = cache.kept(f"axe-{cache.key(_AXE.read_bytes())}", lambda into: unpack_wheel(_AXE, into))
    [script] = folder.rglob("axe.min.js")
    file = tmp_path / "report.html"
    for name, report in STORIES.items():
        file.write_text(FORMS["html"](report()), encoding="utf-8")
        await page.open(file)
        await page.evaluate(f"{script.read_text(encoding='utf-8')};0")
        for width, media in _WINDOWS[:3]:
            await page.show(width, media=media)
            faults = await page.evaluate(
                "axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html]))"
            )
            assert [fault for fault in faults if fault[0] in ("serious", "critical")] == [], (name, width)


async def test_it_prints_all_pages(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(FORMS["html"](story()), encoding="utf-8")
    await page.open(file)
    pdf = await page.printed()
    assert pdf.startswith(b"%PDF")
    pages = re.findall(rb"/Type\s*/Page\b", pdf)
    assert 2 <= len(pages) <= 8
    # The page of a picture is for people who look at a failure.
    assert (await page.screenshot()).startswith(b"\x89PNG")


async def test_a_bar_of_the_timeline_can_be_seen_and_its_row_leads_to_the_incident(page: Page, tmp_path: Path) -> None:
    # Twelve seconds in a period of months are a bar that can be seen, with its letters beside each other.
    file = tmp_path / "report.html"
    brief = incident("brief", openedAt=after(), resolvedAt=after(seconds=12), resolution="Reverted", summary="brief")
    file.write_text(FORMS["html"](story(incidents=(brief, *incidents()), until=SINCE + timedelta(days=400))))
    await page.open(file)
    await page.show(390)
    boxes = await page.evaluate("[...document.querySelectorAll('.bar')].map(e => e.getBoundingClientRect().toJSON())")
    assert len(boxes) == len(evidence().incidents) + 1 + 2
    assert all(box["width"] >= 4 and box["left"] >= 0 and box["right"] <= 390 for box in boxes)
    broken = "[...document.querySelectorAll('a')].filter(e => !document.querySelector(e.getAttribute('href'))).length"
    assert await page.evaluate(broken) == 0
