"""A job at its page: pausing, going on, ending early, reasons patron by patron, and an API that is away meanwhile."""

import asyncio
import re
from collections.abc import AsyncIterator
from types import ModuleType
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.e2e.conftest import Desk
from tests.e2e.slow import slowly_erased

from patrongraph import db
from patrongraph.erasure.actions import PurgeStarted, start

pytestmark = pytest.mark.usefixtures("worker_process")

PAUSE, GO_ON = {"en": "Pause", "sv": "Pausa"}, {"en": "Go on", "sv": "Fortsätt"}
END, END_NOW = {"en": "End early…", "sv": "Avbryt …"}, {"en": "End early", "sv": "Avbryt"}
PAUSED, ENDED = {"en": "is paused", "sv": "är pausat"}, {"en": "was ended early", "sv": "avbröts"}
EXCEPTIONS = {"en": "is done, with exceptions", "sv": "är klart, med undantag"}
OWES = {"en": "Owes something", "sv": "Har en skuld"}
SHOWN = {"en": "Shown", "sv": "Visar"}
CSV = {"en": "Save as CSV", "sv": "Spara som CSV"}
AWAY = {"en": "Live updates are interrupted.", "sv": "Direktuppdateringen är avbruten."}


class Line:
    """A way to the API that can be cut, with all that runs over it, and mended."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def mend(self) -> str:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{self.port}"

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._open |= {writer, there_writer}
        await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        self._open -= {writer, there_writer}


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
    except OSError:
        pass
    finally:
        target.close()


@pytest_asyncio.fixture
async def line(api_process: str) -> AsyncIterator[Line]:
    made = Line(api_process)
    yield made
    await made.cut()


async def purge(desk: Desk, ids: list[int]) -> int:
    started = await start(desk.town.system, patron_ids=ids)
    assert isinstance(started, PurgeStarted)
    return started.job_id


async def counts(job_id: int) -> dict[str, int]:
    found = await db.rows("SELECT state, count(*)::int AS n FROM job_item WHERE job_id = $1 GROUP BY state", job_id)
    return {row["state"]: row["n"] for row in found}


async def test_a_job_is_paused_goes_on_and_is_ended_early(desk: Desk, database: ModuleType) -> None:
    ids = await desk.town.patrons(150, loans=6)
    await desk.sign_in()
    page, language = desk.page, desk.language
    state = page.locator("main .card .chip").first
    async with slowly_erased():
        job_id = await purge(desk, ids)
        await desk.open(f"/jobs/job_{job_id}")
        await page.get_by_role("button", name=PAUSE[language], exact=True).click()
        await expect(state).to_have_text(re.compile(PAUSED[language]))
        assert await db.value("SELECT state FROM job WHERE id = $1", job_id) == "PAUSED"
        await page.reload()
        await expect(state).to_have_text(re.compile(PAUSED[language]))
        await page.get_by_role("button", name=GO_ON[language]).click()
        await page.get_by_role("button", name=END[language]).click()
        await page.get_by_role("dialog").get_by_role("button", name=END_NOW[language], exact=True).click()
        await expect(state).to_have_text(re.compile(ENDED[language]))
    stood = await counts(job_id)
    assert set(stood) <= {"DONE", "CANCELLED"}
    assert stood["CANCELLED"] > 0
    assert len(await desk.town.remaining()) == stood["CANCELLED"]
    await expect(page.locator(".tiles dd").first).to_have_text(str(stood.get("DONE", 0)))


async def test_who_was_left_alone_is_listed_with_the_reason(desk: Desk, database: ModuleType) -> None:
    *ids, debtor = await desk.town.patrons(3)
    await desk.town.charge(debtor, "12.50")
    await desk.sign_in(path="/jobs")
    page, language = desk.page, desk.language
    await expect(page.locator(".empty")).to_be_visible()
    job_id = await purge(desk, [*ids, debtor])
    row = page.locator(f"tr[data-id=job_{job_id}]")
    await expect(row).to_contain_text(EXCEPTIONS[language], timeout=20_000)
    await desk.looks_right("jobs")
    await row.get_by_role("link").click()
    await page.get_by_label(SHOWN[language]).select_option("SKIPPED")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("tbody tr")).to_contain_text(OWES[language])
    link = page.locator("tbody a")
    assert await link.get_attribute("href") == f"/console/patrons/pat_{debtor}"
    async with page.expect_download() as saving:
        await page.get_by_role("link", name=CSV[language]).click()
    saved = (await (await saving.value).path()).read_text()
    assert [text.split(",")[1] for text in saved.splitlines()] == ["patron_id", f"pat_{debtor}"]
    await desk.looks_right("job-exceptions")
    assert await counts(job_id) == {"DONE": 2, "SKIPPED": 1}


async def test_while_the_api_is_away_the_page_says_so_and_catches_up(
    desk: Desk, database: ModuleType, line: Line
) -> None:
    ids = await desk.town.patrons(60, loans=6)
    desk.url = await line.mend()
    await desk.sign_in()
    page, language = desk.page, desk.language
    async with slowly_erased():
        job_id = await purge(desk, ids)
        await desk.open(f"/jobs/job_{job_id}")
        await expect(page.get_by_role("progressbar")).to_be_visible()
        await line.cut()
        await expect(page.get_by_text(AWAY[language])).to_be_visible(timeout=30_000)
        async with asyncio.timeout(60):
            while await counts(job_id) != {"DONE": 60}:
                await asyncio.sleep(0.1)
    await line.mend()
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100", timeout=30_000)
    await expect(page.get_by_text(AWAY[language])).to_be_hidden()
    await expect(page.locator(".tiles dd").first).to_have_text("60")
    assert await desk.town.remaining() == []
