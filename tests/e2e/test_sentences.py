"""What the server refuses is said in Swedish, down to the sentence; nothing English is left beside it."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from playwright.async_api import Locator, expect
from redis.asyncio import Redis
from tests.e2e.conftest import PASSWORD, Desk

from patrongraph import db
from patrongraph.addresses import digest
from patrongraph.settings import Settings

SWEDISH = pytest.mark.parametrize("look", [("sv", "light")], ids=["sv-light"], indirect=True)
FILE = (
    "barcode,last_name,e-post,date_of_birth,branch\n"
    "B90,Ek,ek@example.org,2010-02-03,\n"
    "B91,Alm,alm,31/12/2010,NOPE\n"
    "B92,Bo\n"
    "Ö3,Cy,,2999-01-01,\n"
    "B90,Dal,,,\n"
)
NOTED = "barcode,last_name,Telefon,Mobil,lösenord,Skonummer,,ort\nB90,Ek,1,2,hemligt,38,x,Öby\n".encode("latin-1")
NOTES = [
    "Filen är inte UTF-8 och lästes som Latin-1 (Windows-1252); kontrollera bokstäver som å, ä och ö, och spara den som"
    " UTF-8 om de är fel.",
    "Utelämnas: ”Mobil”, eftersom ”Telefon” redan är fältet Telefon.",
    "Utelämnas: ”lösenord”. PIN-koder och lösenord importeras aldrig, och av rader som inte kan läsas sparas inget.",
    "Utelämnas: ”Skonummer”, kolumn 7 (utan namn). Vad de betyder är inte känt; det kan anges under ”Vad"
    " kolumnerna betyder”.",
]
WRONGS = [
    ["date_of_birth: Ett datum skrivs med år, månad och dag, till exempel 2026-08-31.",
     "e-post: En e-postadress skrivs som anna@example.org.", "branch: Biblioteket har ingen filial med den koden."],
    ["Fel antal kolumner; den första raden har 5."],
    ["barcode: Bara bokstäver från a till z, siffror och skiljetecken, och inga mellanslag.",
     "date_of_birth: Inte i framtiden."],
    ["En tidigare rad har samma värde; det får finnas en gång. Den tidigare raden är rad 2."],
]  # fmt: skip


def wrong(inside: Locator) -> Locator:
    return inside.locator(".wrong")


@SWEDISH
async def test_a_refused_field_says_what_would_be_right(desk: Desk) -> None:
    await desk.sign_in(path="/staff")
    page, dialog = desk.page, desk.page.get_by_role("dialog")
    await page.get_by_role("button", name="Ny roll").click()
    await dialog.get_by_label("Namn").fill("n" * 101)
    await dialog.get_by_label("Lånedisk").check()
    await dialog.get_by_role("button", name="Spara").click()
    await expect(wrong(dialog)).to_have_text(["Högst 100 tecken."])
    await expect(dialog.get_by_role("alert")).to_have_text("Något i formuläret stämmer inte.Namn: Högst 100 tecken.")
    await desk.looks_right("refused-field")
    await desk.open("/settings")
    days = page.get_by_label("Respitdagar")
    await days.fill("400")
    await page.get_by_role("button", name="Spara").click()
    await expect(wrong(page.locator("main"))).to_have_text(["Högst 365."])
    assert await db.value("SELECT count(*) FROM role WHERE name LIKE 'nnn%'") == 0
    assert await db.value("SELECT grace_days FROM library WHERE id = $1", desk.town.id) == 0


@SWEDISH
@pytest.mark.usefixtures("worker_process")
async def test_a_rejected_row_says_each_thing_that_is_wrong(desk: Desk, database: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pupils.csv").write_text(FILE)
    (tmp_path / "names.csv").write_text("last_name\nEk\n")
    await desk.sign_in(path="/imports/new")
    page = desk.page
    preview = page.get_by_role("button", name="Förhandsgranska")
    await page.set_input_files("input[type=file]", tmp_path / "names.csv")
    await page.locator("select").first.select_option("PATRONS")
    await preview.click()
    await expect(page.get_by_role("alert")).to_have_text(
        "Filen kan inte importeras.Dessa kolumner saknas: ”external_id/barcode/username”. Den första raden"
        " måste ha dem; av dem med snedstreck emellan räcker en."
    )
    await page.set_input_files("input[type=file]", tmp_path / "pupils.csv")
    await page.locator("summary").click()
    await page.get_by_label("e-post", exact=True).select_option("EMAIL")
    await preview.click()
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(4, timeout=20_000)
    for row, said in zip(await rows.all(), WRONGS, strict=True):
        await expect(row.locator("li")).to_have_text(said)
    assert await page.locator("tbody [lang=en]").count() == 0
    await rows.last.scroll_into_view_if_needed()
    await desk.looks_right("rejected-rows")
    assert await db.value("SELECT count(*) FROM patron") == 0


@SWEDISH
@pytest.mark.usefixtures("worker_process")
async def test_what_there_is_to_say_of_a_file(desk: Desk, database: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "noted.csv").write_bytes(NOTED)
    await desk.sign_in(path="/imports/new")
    page = desk.page
    await page.set_input_files("input[type=file]", tmp_path / "noted.csv")
    await page.locator("select").first.select_option("PATRONS")
    await page.get_by_role("button", name="Förhandsgranska").click()
    notes = page.locator("section", has=page.get_by_role("heading", name="Filen")).locator(".notice li")
    await expect(notes).to_have_text(NOTES, timeout=20_000)
    assert await page.locator("main [lang=en]").count() == 0
    await notes.first.scroll_into_view_if_needed()
    await desk.looks_right("notes-of-a-file")
    # As a report that was made before there were notes.
    before = "UPDATE import_run SET notes = NULL RETURNING job_id, warnings"
    [run] = await db.rows(before)
    await desk.open(f"/imports/job_{run['job_id']}")
    await expect(page.locator("main li[lang=en]")).to_have_text(run["warnings"])
    await expect(notes).to_have_count(len(NOTES))


@SWEDISH
async def test_who_waits_after_failures_sees_for_how_long(desk: Desk, settings: Settings, valkey: Redis) -> None:
    await desk.sign_in()
    await desk.page.context.clear_cookies()
    key = f"{settings.redis_prefix}:sign-in:failed:{digest('127.0.0.1')}"
    await valkey.set(key, 1_000, ex=250)
    await desk.open("/")
    await desk.give(PASSWORD)
    notice, again = desk.page.get_by_role("alert"), desk.page.get_by_text("Nu kan du försöka igen.")
    await expect(notice).to_have_text(
        re.compile(r"^För många inloggningar har misslyckats\. Försök igen om [45] min\.$")
    )
    await expect(desk.page.locator(".countdown")).to_have_text(re.compile(r"^[34]:[0-5]\d min$"))
    await desk.looks_right("throttled")
    await valkey.set(key, 1_000, ex=2)
    await desk.give(PASSWORD)
    await expect(again).to_be_visible()
    await desk.give(PASSWORD)
    await desk.page.wait_for_selector("nav.side")
