"""A file of leavers with faults: the preview names their lines and changes nothing, the import does the rest."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import Desk

from patrongraph import db

pytestmark = pytest.mark.usefixtures("worker_process")

PREVIEW = {"en": "Preview", "sv": "Förhandsgranska"}
CHOOSE = {"en": "Choose a file first.", "sv": "Välj en fil först."}
IMPORT = {"en": "Import 2 rows", "sv": "Importera 2 rader"}
EXCEPTIONS = {"en": "is done, with exceptions", "sv": "är klart, med undantag"}
CSV = {"en": "Save as CSV", "sv": "Spara som CSV"}
LEAVERS = "User;enabled\nfirst;FALSE\nnobody;FALSE\nsecond;perhaps\nthird;TRUE\n"


async def statuses() -> dict[str, str]:
    rows = await db.rows("SELECT username, status FROM patron ORDER BY id")
    return {row["username"]: row["status"] for row in rows}


async def test_leavers_with_faults_are_previewed_imported_and_saved_for_mending(
    desk: Desk, database: ModuleType, tmp_path: Path
) -> None:
    for name, patron in zip(("first", "second", "third"), await desk.town.patrons(3, status="ACTIVE"), strict=True):
        await db.rows("UPDATE patron SET username = $2 WHERE id = $1 RETURNING id", patron, name)
    before = await statuses()
    file = tmp_path / "leavers.csv"
    file.write_text(LEAVERS)
    await desk.sign_in(path="/imports/new")
    page, language = desk.page, desk.language
    preview = page.get_by_role("button", name=PREVIEW[language])
    await preview.click()
    await expect(page.get_by_text(CHOOSE[language])).to_be_visible()
    await page.set_input_files("input[type=file]", file)
    await page.locator("summary").click()
    await page.get_by_label("User", exact=True).select_option("USERNAME")
    await desk.looks_right("import")
    await preview.click()
    lines = page.locator("tbody tr td:first-child")
    await expect(lines).to_have_text(["3", "4"], timeout=20_000)
    await expect(page.get_by_role("button", name=IMPORT[language])).to_be_visible()
    await desk.looks_right("import-preview")
    assert await statuses() == before
    await page.get_by_role("button", name=IMPORT[language]).click()
    await page.wait_for_url("**/console/imports/job_*")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Import ·")
    await expect(page.locator(".chip.warn")).to_have_text(re.compile(EXCEPTIONS[language]), timeout=20_000)
    await expect(lines).to_have_text(["3", "4"])
    assert await statuses() == {"first": "INACTIVE", "second": "ACTIVE", "third": "ACTIVE"}
    assert [row["dry"] for row in await db.rows("SELECT dry_run AS dry FROM import_run ORDER BY job_id")] == [
        True,
        False,
    ]
    async with page.expect_download() as saving:
        await page.get_by_role("link", name=CSV[language]).click()
    saved = (await (await saving.value).path()).read_text(encoding="utf-8-sig").splitlines()
    assert [text.split(",")[:2] for text in saved] == [["User", "enabled"], ["nobody", "FALSE"], ["second", "perhaps"]]
    await page.reload()
    await expect(lines).to_have_text(["3", "4"], timeout=20_000)
    await desk.looks_right("import-report")
