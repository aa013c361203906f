"""Lists that follow what others do: jobs of another tab and of the command line, and a patron's tabs on coming back."""

from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import expect
from tests.clients import Api
from tests.conftest import RunCli
from tests.e2e.conftest import Desk

pytestmark = pytest.mark.parametrize("look", [("en", "light")], ids="-".join, indirect=True)


PURGE = """mutation($input: PurgePatronsInput!) {
  purgePatrons(input: $input) { ... on PurgePatronsSuccess { job { id } } }
}"""
MOVE = "mutation($input: JobInput!) {{ {}(input: $input) {{ __typename }} }}"


@dataclass
class Elsewhere:
    """Another tab, or a program. There is no worker, so what it starts stays QUEUED."""

    api: Api
    token: str

    async def purge(self, patron: int) -> str:
        asked = {"input": {"patronIds": [f"pat_{patron}"], "dryRun": False}}
        started: str = (await self.api.data(PURGE, asked, self.token))["purgePatrons"]["job"]["id"]
        return started

    async def move(self, name: str, job: str) -> None:
        answer = await self.api.data(MOVE.format(name), {"input": {"id": job}}, self.token)
        assert answer[name]["__typename"] == "JobSuccess"


async def test_jobs_come_into_their_lists_and_leave_them(desk: Desk, run_cli: RunCli) -> None:
    ids = await desk.town.patrons(4)
    elsewhere = Elsewhere(Api(desk.url), await desk.town.token())
    await desk.sign_in()
    home, context = desk.page, desk.page.context
    await expect(home.get_by_text("No job is under way.")).to_be_visible()
    listed, paused = await context.new_page(), await context.new_page()
    await listed.goto(f"{desk.url}/console/jobs?state=QUEUED")
    await paused.goto(f"{desk.url}/console/jobs")
    await paused.get_by_label("State").select_option("PAUSED")
    for page in (listed, paused):
        await expect(page.locator(".empty")).to_be_visible()

    first = await elsewhere.purge(ids[0])
    here = f"tr[data-id={first}]"
    await expect(listed.locator(here)).to_have_count(1)
    await expect(home.get_by_role("progressbar")).to_have_count(1)
    await expect(paused.locator(".empty")).to_be_visible()
    await elsewhere.move("pauseJob", first)
    await expect(paused.locator(here)).to_have_count(1)
    await expect(listed.locator(here)).to_have_count(0)
    await expect(home.locator(".progress-words")).to_contain_text("is paused")

    others = [await elsewhere.purge(each) for each in ids[1:3]]
    done = run_cli("purge", "NORTH", "--ids", f"pat_{ids[3]}", "--no-wait")
    assert done.returncode == 0, done.stderr
    await expect(listed.locator("tbody tr")).to_have_count(3)
    await expect(home.get_by_role("progressbar")).to_have_count(4)
    for each in (first, *others):
        await elsewhere.move("cancelJob", each)
    await expect(listed.locator("tbody tr")).to_have_count(1)
    await expect(home.get_by_role("progressbar")).to_have_count(1)
    await home.locator(".progress-words a").click()
    await home.wait_for_url("**/console/jobs/job_*")


async def test_a_patrons_tabs_look_again_when_one_comes_back_to_them(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await desk.sign_in(path=f"/patrons/pat_{patron}/loans")
    page = desk.page

    async def comes_back(tab: str, *, to: Any) -> None:
        """Looked at, left for another window in which somebody acts, and looked at again."""
        await page.get_by_role("link", name=tab).first.click()
        await expect(page.locator(".empty")).to_be_visible()
        await to
        await page.evaluate("window.dispatchEvent(new Event('focus'))")
        await expect(page.locator("main tbody tr").first).to_be_visible()

    await comes_back("Loans", to=desk.town.open_loan(patron))
    await comes_back("Reservations", to=desk.town.open_reservation(patron))
    await comes_back("Debts", to=desk.town.charge(patron, "2.50"))
    await comes_back("Group", to=desk.town.group(patron))
    await expect(page.locator(".tab .count")).to_have_text(["1", "1", "1", "1"])
