"""What staff do on a patron's page: edit, block, deactivate, download, delete, register with the family."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Dialog, Locator, expect
from tests.e2e.conftest import Desk

from patrongraph import db
from patrongraph.permissions import Permission

SWEDISH = {
    "Active": "Aktiv",
    "Add an address": "Lägg till en adress",
    "An address needs at least one of its lines.": "En adress behöver minst en av sina rader.",
    "Barcode": "Streckkod",
    "Block account": "Spärra konto",
    "Block patron": "Spärra låntagare",
    "Cancel": "Avbryt",
    "City": "Ort",
    "Comment, for staff": "Kommentar, för personalen",
    "Contact": "Kontakt",
    "Deactivate": "Inaktivera",
    "Delete patron": "Radera låntagare",
    "Download patron data": "Ladda ner låntagarinformation",
    "Download": "Ladda ner",
    "E-mail": "E-post",
    "Edit: Addresses": "Ändra: Adresser",
    "Edit: Contact": "Ändra: Kontakt",
    "Edit: PIN": "Ändra: PIN-kod",
    "Family name": "Efternamn",
    "Given name": "Förnamn",
    "Inactive": "Inaktiv",
    "Lift the block": "Häv spärren",
    "Look again": "Titta igen",
    "New PIN": "Ny PIN-kod",
    "Patrons": "Låntagare",
    "Save and clone": "Spara och klona",
    "Save": "Spara",
    "Say why: whoever meets the patron next reads it.": "Skriv varför: den som möter låntagaren härnäst läser det.",
    "Street and number": "Gata och nummer",
    "Telephone": "Telefon",
    "Unblock patron": "Upphäv låntagarspärr",
    "Undo": "Ångra",
    "Why it is lifted, for staff": "Varför den hävs, för personalen",
}
STATUS = "SELECT status FROM patron WHERE id = $1"


class Words:
    """The page's elements by their English words, in whichever language the page speaks."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def __getitem__(self, english: str) -> str:
        return SWEDISH[english] if self.desk.language == "sv" else english

    def button(self, english: str) -> Locator:
        return self.desk.page.get_by_role("button", name=self[english], exact=True)

    def field(self, english: str) -> Locator:
        return self.desk.page.get_by_label(self[english], exact=True)


async def patron_of(desk: Desk, *permissions: Permission) -> int:
    """An active patron whose page is open, before a member of staff with these permissions."""
    [patron] = await desk.town.patrons(1, status="ACTIVE")
    await desk.sign_in(*permissions, path=f"/patrons/pat_{patron}")
    await expect(desk.page.locator(".card").first).to_be_visible()
    assert desk.page.url.endswith(f"/console/patrons/pat_{patron}/data")
    return patron


async def test_two_edit_the_same_section_and_the_later_one_chooses(desk: Desk) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    await expect(page.get_by_role("heading", level=1)).to_have_text("First1 Last1")
    await desk.looks_right("patron-data")
    await words.button("Edit: Contact").click()
    await expect(words.field("E-mail")).to_be_focused()
    await words.field("E-mail").fill("mine@example.org")
    await words.field("Telephone").fill("040-1")
    await db.value(
        "UPDATE patron SET email = 'theirs@example.org', version = version + 1 WHERE id = $1 RETURNING id", patron
    )
    await page.keyboard.press("Enter")
    choice = page.locator(".clash")
    await expect(choice).to_contain_text("mine@example.org")
    await expect(choice).to_contain_text("theirs@example.org")
    await desk.looks_right("patron-conflict")
    assert await db.value("SELECT phone FROM patron WHERE id = $1", patron) is None
    await choice.get_by_role("radio").nth(1).check()
    await words.button("Save").click()
    await expect(words.button("Edit: Contact")).to_be_focused()
    row = await db.row("SELECT email, phone, version FROM patron WHERE id = $1", patron)
    assert row is not None
    assert dict(row) == {"email": "theirs@example.org", "phone": "040-1", "version": 3}


async def test_what_was_typed_is_not_lost_without_a_question(desk: Desk) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    await words.button("Edit: Contact").click()
    await words.field("E-mail").fill("typed@example.org")
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    await page.get_by_role("navigation").get_by_role("link", name=words["Patrons"]).click()
    await expect(words.field("E-mail")).to_have_value("typed@example.org")
    assert asked == ["confirm"]
    await words.button("Cancel").click()
    await page.get_by_role("navigation").get_by_role("link", name=words["Patrons"]).click()
    await page.wait_for_url("**/console/patrons")
    assert asked == ["confirm"]
    assert await db.value("SELECT email FROM patron WHERE id = $1", patron) == "p1@example.org"


async def test_an_address_and_a_pin_are_given_by_keyboard(desk: Desk) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    await words.button("Edit: Addresses").focus()
    await page.keyboard.press("Enter")
    await expect(words.field("Street and number")).to_be_focused()
    await words.button("Add an address").focus()
    await page.keyboard.press("Enter")
    await words.button("Save").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".home").nth(1)).to_contain_text(words["An address needs at least one of its lines."])
    await desk.looks_right("patron-addresses")
    await words.field("City").nth(1).fill("Lund")
    await page.keyboard.press("Enter")
    await expect(words.button("Edit: Addresses")).to_be_focused()
    homes = await db.rows("SELECT street, city FROM address WHERE patron_id = $1 ORDER BY id", patron)
    assert [tuple(row) for row in homes] == [(f"Street {patron}", ""), ("", "Lund")]
    await words.button("Edit: PIN").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.type("1234")
    await page.keyboard.press("Enter")
    await expect(words.field("New PIN")).to_have_attribute("aria-invalid", "true")
    assert await db.value("SELECT pin_hash FROM patron_pin WHERE patron_id = $1", patron) == "hash"
    await words.field("New PIN").fill("2580")
    await page.keyboard.press("Enter")
    await expect(words.button("Edit: PIN")).to_be_focused()
    assert await db.value("SELECT pin_hash FROM patron_pin WHERE patron_id = $1", patron) != "hash"


async def test_a_block_takes_a_comment_and_is_lifted_with_a_reason(desk: Desk) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    blocks = "SELECT comment, lift_reason FROM block WHERE patron_id = $1 AND comment <> 'noisy' ORDER BY id"
    await words.button("Block patron").click()
    await words.button("Block account").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(words["Say why: whoever meets the patron next reads it."])
    assert await db.rows(blocks, patron) == []
    await desk.looks_right("patron-block")
    await dialog.get_by_label(words["Comment, for staff"]).fill("Broke a lamp")
    await words.button("Block account").click()
    await expect(words.button("Unblock patron")).to_be_visible()
    await expect(page.locator(".patron-head .chip.danger")).to_have_count(1)
    await words.button("Unblock patron").click()
    await expect(dialog).to_contain_text("Broke a lamp")
    await dialog.get_by_label(words["Why it is lifted, for staff"]).fill("Paid the lamp")
    await words.button("Lift the block").click()
    await expect(words.button("Block patron")).to_be_visible()
    await expect(page.locator(".patron-head .chip.danger")).to_have_count(0)
    assert [tuple(row) for row in await db.rows(blocks, patron)] == [("Broke a lamp", "Paid the lamp")]


async def test_deactivating_is_done_at_once_and_undone(desk: Desk) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    status = page.locator(".patron-head .chip").first
    await words.button("Deactivate").click()
    await expect(status).to_contain_text(words["Inactive"])
    assert await db.value(STATUS, patron) == "INACTIVE"
    await words.button("Undo").click()
    await expect(status).to_contain_text(words["Active"])
    await expect(words.button("Deactivate")).to_be_visible()
    assert await db.value(STATUS, patron) == "ACTIVE"


async def test_a_deletion_lists_what_is_in_the_way_and_takes_two_deletes(desk: Desk) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    loan = await desk.town.open_loan(patron)
    await desk.town.open_reservation(patron)
    await words.button("Delete patron").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("listitem")).to_have_count(2)
    await expect(dialog.locator(".button.danger")).to_have_count(0)
    await desk.looks_right("patron-obstacles")
    await db.rows("UPDATE loan SET returned_at = now() WHERE id = $1 RETURNING id", loan)
    await db.rows("UPDATE reservation SET state = 'CANCELLED' WHERE patron_id = $1 RETURNING id", patron)
    await words.button("Look again").click()
    await expect(dialog.locator(".button.danger")).to_be_visible()
    await desk.looks_right("patron-delete")
    assert await db.value(STATUS, patron) == "ACTIVE"
    await dialog.locator(".button.danger").dblclick()
    await page.wait_for_url("**/console/patrons")
    assert await db.value(STATUS, patron) is None
    assert await db.value("SELECT count(*) FROM tombstone WHERE patron_id = $1", patron) == 1
    await desk.open(f"/patrons/pat_{patron}")
    await expect(page.locator(".empty")).to_be_visible()


@pytest.mark.usefixtures("worker_process")
async def test_patron_data_is_collected_live_and_saved_by_a_link_that_works_once(desk: Desk, tmp_path: Path) -> None:
    patron = await patron_of(desk)
    words, page = Words(desk), desk.page
    await words.button("Download patron data").click()
    async with page.expect_download() as coming:
        await words.button("Download").click()
    saved = await coming.value
    await saved.save_as(tmp_path / "patron.json")
    text = (tmp_path / "patron.json").read_text()
    assert "p1@example.org" in json.dumps(json.loads(text))
    assert "hash" not in json.loads(text).get("patron", {})
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    await desk.looks_right("patron-download")
    files = await db.rows("SELECT state, downloads FROM data_export WHERE patron_id = $1", patron)
    assert [tuple(row) for row in files] == [("READY", 1)]
    again = await page.request.get(saved.url)
    assert again.status == 410


async def test_a_family_is_registered_with_a_scanner_by_save_and_clone(desk: Desk) -> None:
    await desk.town.patrons(1)
    taken = await db.value("SELECT barcode FROM card WHERE library_id = $1", desk.town.id)
    await desk.sign_in(path="/patrons/new")
    words, page = Words(desk), desk.page
    await expect(words.field("Given name")).to_be_focused()
    await words.field("Given name").fill("Anna")
    await words.field("Family name").fill("Berg")
    await words.field("Telephone").fill("040-2")
    await words.field("Barcode").press_sequentially(str(taken))
    await page.keyboard.press("Enter")
    assert page.url.endswith("/patrons/new")
    await words.button("Save and clone").click()
    await expect(words.field("Barcode")).to_be_focused()
    await expect(words.field("Barcode")).to_have_attribute("aria-invalid", "true")
    await desk.looks_right("patron-new")
    await words.field("Barcode").fill("21000000099901")
    await words.button("Save and clone").dblclick()
    await page.wait_for_url("**/patrons/new?cloneFrom=pat_*")
    await expect(words.field("Telephone")).to_have_value("040-2")
    await expect(words.field("Given name")).to_have_value("")
    await words.field("Given name").fill("Bo")
    await words.field("Family name").fill("Berg")
    await words.field("Barcode").fill("21000000099902")
    await words.button("Save").click()
    await page.wait_for_url("**/data")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bo Berg")
    family = await db.rows(
        "SELECT p.first_name, p.phone, m.group_id FROM patron p JOIN group_membership m ON m.patron_id = p.id"
        " WHERE p.last_name = 'Berg' ORDER BY p.id"
    )
    assert [(row["first_name"], row["phone"]) for row in family] == [("Anna", "040-2"), ("Bo", "040-2")]
    assert len({row["group_id"] for row in family}) == 1


async def test_who_may_only_look_is_offered_nothing_else(desk: Desk) -> None:
    await patron_of(desk, Permission.PATRONS_VIEW)
    await expect(desk.page.locator("main button")).to_have_count(0)
    await expect(desk.page.locator("main .page-actions")).to_have_count(0)
    await desk.open("/patrons/new")
    await expect(desk.page.locator("main code")).to_have_text("PATRONS_CREATE")
