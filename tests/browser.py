"""A real browser for tests of what a person looks at.

Screenshots go to the folder that `NAS_SCREENSHOTS` names, else to pytest's temporary one.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["WIDTHS", "Watched", "browser", "open_page", "screenshots", "violations"]

WIDTHS = (1280, 390)  # of a desk and of a phone
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Watched:
    """A page, what its console complained of, and every address that it asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")  # each importing module has its own, and two cannot run at once
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield started
        started.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where screenshots are kept."""
    named = os.environ.get("NAS_SCREENSHOTS")
    folder = Path(named) if named else tmp_path / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_page(browser: Browser, url: str, *, width: int = 1280, **options: Any) -> Watched:
    """A new page of `width` pixels on `url`, watched from its first request."""
    watched = Watched(browser.new_page(viewport={"width": width, "height": 900}, **options))
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
    watched.page.on(
        "console", lambda said: watched.errors.append(said.text) if said.type == "error" else None
    )
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    watched.page.goto(url)
    return watched


def violations(page: Page, rules: tuple[str, ...]) -> list[str]:
    """What axe finds of these rules of accessibility, a line each."""
    found = Axe().run(page, options={"runOnly": {"type": "rule", "values": list(rules)}})
    return [
        f"{each['id']}: {node['target']} {node['html'][:120]}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]
