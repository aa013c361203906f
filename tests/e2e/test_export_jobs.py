"""An export's job at its page: the file, who may have it, and what is said once it is gone."""

import json
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import Desk
from tests.town import wait_until

from patrongraph import db
from patrongraph.exports.actions import start_patrons_export
from patrongraph.permissions import Permission

pytestmark = pytest.mark.usefixtures("worker_process")

DOWNLOAD = {"en": "Download", "sv": "Ladda ner"}
EXPIRED = {"en": "The file has expired.", "sv": "Filen finns inte kvar."}
NOT_ALLOWED = {"en": "You may not download patron data.", "sv": "Du får inte ladda ner låntagares uppgifter."}
STANDS = "SELECT state, downloads FROM data_export WHERE job_id = $1"


async def export(desk: Desk) -> int:
    return await start_patrons_export(desk.town.system)


async def ready(job_id: int) -> None:
    async def is_ready() -> bool:
        return bool(await db.value("SELECT state = 'READY' FROM data_export WHERE job_id = $1", job_id))

    await wait_until(is_ready)


async def test_the_file_of_many_patrons_is_fetched_at_its_job_and_ends(desk: Desk, tmp_path: Path) -> None:
    await desk.town.patrons(3)
    await desk.sign_in(path="/jobs")
    page, language = desk.page, desk.language
    await expect(page.locator(".empty")).to_be_visible()
    job_id = await export(desk)
    await page.locator(f"tr[data-id=job_{job_id}]").get_by_role("link").click()
    button = page.get_by_role("button", name=DOWNLOAD[language], exact=True)
    async with page.expect_download() as coming:
        await button.click()
    await (await coming.value).save_as(tmp_path / "patrons.ndjson")
    lines = (tmp_path / "patrons.ndjson").read_text().splitlines()
    assert [json.loads(line)["identity"]["firstName"] for line in lines] == ["First1", "First2", "First3"]
    await expect(page.locator("main .card .facts").nth(1).locator("dd").first).to_have_text("NDJSON")
    await desk.looks_right("job-export")
    await db.rows("UPDATE data_export SET expires_at = now() WHERE job_id = $1 RETURNING id", job_id)
    await button.click()
    await expect(page.get_by_text(EXPIRED[language])).to_be_visible()
    await expect(button).to_have_count(0)
    await desk.looks_right("job-export-expired")
    found = await db.row(STANDS, job_id)
    assert found is not None
    assert found["downloads"] == 1


async def test_who_may_not_have_the_data_is_not_offered_it(desk: Desk) -> None:
    await desk.town.patrons(1)
    job_id = await export(desk)
    await ready(job_id)
    await desk.sign_in(Permission.PATRONS_VIEW, path=f"/jobs/job_{job_id}")
    await expect(desk.page.get_by_text(NOT_ALLOWED[desk.language])).to_be_visible()
    await expect(desk.page.get_by_role("button", name=DOWNLOAD[desk.language], exact=True)).to_have_count(0)
    assert await db.value("SELECT downloads FROM data_export WHERE job_id = $1", job_id) == 0
