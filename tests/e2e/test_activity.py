"""What was done to a patron: listed, narrowed down by the address, and only for who may see it."""

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import Desk

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.permissions import Permission

NOT_ALLOWED = "You may not see this page"


async def test_the_trail_of_a_patron_is_narrowed_down_and_looks_right(desk: Desk) -> None:
    patron, other = await desk.town.patrons(2, status="ACTIVE")
    async with db.transaction():
        await record(desk.town.system, "patron.block", ("patron", patron), block=7)
        await record(desk.town.system, "desk.pay", ("patron", patron), entries=[1, 2])
        await record(desk.town.system, "desk.pay", ("patron", other), entries=[3])
    await desk.sign_in(path=f"/patrons/pat_{patron}/activity")
    rows = desk.page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("entries: [1, 2]")
    await expect(rows.last).to_contain_text("block: 7")
    await desk.page.locator("main select").first.select_option("patron.block")
    await expect(rows).to_have_count(1)
    assert desk.page.url == f"{desk.url}/console/patrons/pat_{patron}/activity?action=patron.block"
    await desk.page.reload()
    await expect(rows).to_have_count(1)
    await desk.open(f"/patrons/pat_{patron}/activity?to=2020-01-01")
    await expect(desk.page.locator(".empty")).to_be_visible()
    await desk.page.set_viewport_size({"width": 390, "height": 844})
    await desk.looks_right("patron-activity-narrow")


@pytest.mark.parametrize("look", [("en", "light")], indirect=True)
async def test_without_its_permission_the_activity_is_neither_offered_nor_shown(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await desk.sign_in(Permission.PATRONS_VIEW, path=f"/patrons/pat_{patron}/activity")
    await expect(desk.page.get_by_text(NOT_ALLOWED)).to_be_visible()
    await expect(desk.page.locator("main code")).to_have_text("AUDIT_VIEW")
    await expect(desk.page.get_by_role("link", name="Loans")).to_be_visible()
    await expect(desk.page.get_by_role("link", name="Activity")).to_have_count(0)
