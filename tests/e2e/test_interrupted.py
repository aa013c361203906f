"""The API dies while a purge is shown: the console says so, comes back by itself, and shows what became of it."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from tests import processes
from tests.e2e.conftest import Desk, listen
from tests.erasure.support import purge_all
from tests.fixtures_api import wait_until_ready, working
from tests.processes import Running
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.settings import Settings


class MortalApi:
    """An API that can be killed and comes again at the same address."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.environment = os.environ | settings.as_environment()
        self.log = log
        self.bound = socket.socket()
        self.bound.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.bound.getsockname()[1]}"
        self.process: Running | None = None

    def start(self) -> None:
        fd = self.bound.fileno()
        with self.log.open("ab") as out:
            to = out.fileno()
            self.process = processes.start(
                "serve", "--socket-fd", str(fd), env=self.environment, pass_fds=[fd], stdout=to, stderr=to
            )
        wait_until_ready(self.url, self.process, self.log)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()


@pytest.fixture
def mortal(settings: Settings, tmp_path: Path) -> Iterator[MortalApi]:
    api = MortalApi(settings, tmp_path / "api.log")
    api.start()
    yield api
    api.kill()
    api.bound.close()


async def test_the_console_says_that_news_are_interrupted_and_comes_round(
    mortal: MortalApi, chromium_browser: Browser, town: Town, settings: Settings, worker_log: Path
) -> None:
    await town.patrons(30)
    job = await purge_all(town.system)
    context = await chromium_browser.new_context(locale="en-GB", reduced_motion="reduce")
    desk = Desk(await context.new_page(), mortal.url, town, "en", "light")
    thrown: list[str] = []
    listen(desk.page, thrown)
    await desk.sign_in()
    bar = desk.page.get_by_role("progressbar")
    await expect(bar).to_have_attribute("aria-valuetext", "0 of 30")
    await expect(desk.page.locator(".banner")).to_have_count(0)

    await asyncio.to_thread(mortal.kill)
    await expect(desk.page.locator(".banner")).to_contain_text("Live updates are interrupted.")
    await desk.looks_right("interrupted")
    with working(settings, worker_log):
        await wait_until(lambda: db.value("SELECT finished_at FROM job WHERE id = $1", job.job_id))
    await expect(bar).to_have_attribute("aria-valuetext", "0 of 30")

    await asyncio.to_thread(mortal.start)
    await expect(desk.page.locator(".banner")).to_have_count(0)
    await expect(bar).to_have_count(0)
    await expect(desk.page.get_by_text("No job is under way.")).to_be_visible()
    assert await town.remaining() == []
    await context.close()
    assert thrown == []


async def test_a_purge_goes_on_before_ones_eyes(desk: Desk, settings: Settings, worker_log: Path) -> None:
    await desk.sign_in()
    await desk.page.wait_for_selector("#running-jobs")
    await desk.town.patrons(30)
    await purge_all(desk.town.system)
    bar = desk.page.get_by_role("progressbar")
    said = {"en": "0 of 30", "sv": "0 av 30"}[desk.language]
    await expect(bar).to_have_attribute("aria-valuetext", said)
    await desk.looks_right("job-under-way")
    with working(settings, worker_log):
        await expect(bar).to_have_count(0)
    assert await desk.town.remaining() == []
