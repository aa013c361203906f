"""A patron's whole life with marked values, through every door that touches a patron, and every way to be refused.

Whoever adds a mutation adds a line here: a test compares the list with the schema.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.clients import MODERN, Api
from tests.imports.files import send_in
from tests.town import Town, wait_until
from tests.wipe.needles import Marks

from patrongraph import db

# What a mutation answers that the rest of the walk needs; every other one answers with its type.
WANTED = {
    "registerPatron": "... on RegisterPatronSuccess { patron { id version group { id } } }",
    "editPatron": "... on EditPatronSuccess { patron { version } }",
    "blockPatron": "... on BlockSuccess { block { id } }",
    "chargeDebt": "... on ChargeDebtSuccess { debt { id } }",
    "checkOut": "... on CheckOutSuccess { loan { id } }",
    "placeReservation": "... on PlaceReservationSuccess { reservation { id } }",
    "exportPatronData": "... on ExportStarted { job { id } }",
    "exportPatrons": "... on ExportStarted { job { id } }",
    "createDownloadLink": "... on DownloadLink { url }",
    "deletePatron": "... on DeletePatronPreview { confirmationToken }",
    "purgePatrons": "... on PurgePatronsSuccess { job { id } }",
    "createCohort": "... on CohortSuccess { cohort { id } }",
    "createRole": "... on RoleSuccess { role { id } }",
    "createStaffUser": "... on StaffUserSuccess { staffUser { id } }",
    "createApiToken": "... on CreateApiTokenSuccess { apiToken { id } }",
    "rollOverCohorts": "... on RolloverPreview { count confirmationToken }"
    " ... on RollOverCohortsSuccess { job { id } }",
    "undoRollover": "... on UndoRolloverSuccess { job { id } }",
}
INPUTS = {"revokePrivacyWaiver": "PrivacyWaiverInput", "grantPrivacyWaiver": "PrivacyWaiverInput",
          "deactivatePatrons": "PatronIdsInput", "reactivatePatrons": "PatronIdsInput",
          "removeFromGroup": "PatronIdsInput"}  # fmt: skip
SIGN_IN = """
mutation($input: SignInPatronInput!) { signInPatron(input: $input) { __typename } }
"""
SEARCH = """
query($q: String!) { patrons(first: 5, search: $q) { edges { node { id displayName barcode email
  addresses { street } blocks(first: 5) { edges { node { comment } } } } } } }
"""
EVERYTHING = """
query($by: PatronRef!) { patron(by: $by) { id firstName lastName notes phone cards { barcode }
  group { members(first: 9) { edges { node { patron { displayName } } } } } blockReasons { code } } }
"""
EXPORT_OF_JOB = "SELECT id, state FROM data_export WHERE job_id = $1"


@dataclass
class Life:
    """One library and what is done there to a person with these marks."""

    api: Api
    town: Town
    token: str
    marks: Marks
    number: int
    done: set[str] = field(default_factory=set)

    async def ask(self, name: str, expected: str | None = None, /, **given: Any) -> dict[str, Any]:
        """Run one mutation; `expected` is the type of its answer."""
        kind = INPUTS.get(name, name[0].upper() + name[1:] + "Input")
        wanted = f"__typename {WANTED.get(name, '')} ... on Problem {{ code message }}"
        text = f"mutation($input: {kind}!) {{ found: {name}(input: $input) {{ {wanted} }} }}"
        answer: dict[str, Any] = (await self.api.data(text, {"input": given}, self.token))["found"]
        assert expected is None or answer["__typename"] == expected, (name, answer)
        self.done.add(name)
        return answer

    def text(self, where: str) -> str:
        return self.marks.text(f"{where}{self.number}")

    def code(self, where: str) -> str:
        return self.marks.code(f"{where}{self.number}")

    @property
    def pin(self) -> str:
        return f"{self.marks.digits}{self.number:03d}"

    def phone(self, country: str) -> str:
        return f"{country}{self.marks.digits}{self.number}"

    async def register(self, mate: str | None = None) -> str:
        """The registration, with every value that it takes; return the patron's id."""
        home = {name: self.text(name)[:20] for name in ("postalCode", "city", "region", "country")}
        found = await self.ask(
            "registerPatron", "RegisterPatronSuccess", barcode=self.code("card"), firstName=self.text("first"),
            middleName=self.text("middle"), lastName=self.text("last"), preferredName=self.text("called"),
            dateOfBirth=self.marks.born, email=f"{self.code('mail')}@example.org", phone=self.phone("+47"),
            addresses=[{"street": self.text("street"), **home}], category="Pupil",
            branchId=f"branch_{self.town.branch}", cohortId=f"cohort_{self.town.cohort}", username=self.code("user"),
            expiresOn="2040-01-01", notes=self.text("notes") + " " + _noise(3_000), pin=self.pin, cloneFrom=mate,
            idempotencyKey=self.code("key"),
        )  # fmt: skip
        return str(found["patron"]["id"])

    async def edit(self, patron: str) -> None:
        """Every section is edited: what stood there before lives on in dead rows only."""
        home = {name: self.text(f"new{name}")[:20] for name in ("street", "postalCode", "city", "region", "country")}
        for section in (
            {"identity": {"firstName": self.text("first2"), "lastName": self.text("last2")}},
            {"contact": {"email": f"{self.code('mail2')}@example.org", "phone": self.phone("+48")}},
            {"addresses": [home]},
            {"library": {"barcode": self.code("card2"), "username": self.code("user2"), "category": "Teen"}},
            {"notes": {"notes": self.text("notes2") + _noise(9_000)}},
        ):
            version = await db.value("SELECT version FROM patron WHERE id = $1", int(patron.removeprefix("pat_")))
            await self.ask("editPatron", "EditPatronSuccess", id=patron, version=version, section=section)

    async def desk(self, patron: str) -> None:
        """Loans, reservations and money; at the end nothing is open."""
        for place in range(3):
            await db.rows(
                "INSERT INTO item (library_id, barcode, title, price) VALUES ($1, $2, 'A book', 9)",
                self.town.id, f"book-{patron}-{place}",
            )  # fmt: skip
        own = {"patron": {"id": patron}}
        book, wish = f"book-{patron}-0", f"book-{patron}-1"
        branch = f"branch_{self.town.branch}"
        lent = await self.ask("checkOut", "CheckOutSuccess", **own, itemBarcode=book, branchId=branch)
        loan = lent["loan"]["id"]
        await self.ask("renewLoan", loanId=loan)
        kept = await self.ask("placeReservation", "PlaceReservationSuccess", **own, itemBarcode=wish,
                              pickupBranchId=branch)  # fmt: skip
        await self.ask("cancelReservation", reservationId=kept["reservation"]["id"])
        for place in (1, 2):
            owed = await self.ask("chargeDebt", "ChargeDebtSuccess", patronId=patron, amount="7.50", loanId=loan,
                                  reason=self.text(f"why{place}"), note=self.text(f"note{place}"))  # fmt: skip
            debt = owed["debt"]["id"]
            if place == 1:
                await self.ask("payDebt", "SettleDebtSuccess", patronId=patron, amount="7.50", debtId=debt)
            else:
                await self.ask("waiveDebt", "SettleDebtSuccess", debtId=debt, reason=self.text("mercy"))
        await self.ask("checkIn", "CheckInSuccess", itemBarcode=book)
        gone = (await self.ask("checkOut", "CheckOutSuccess", **own, itemBarcode=f"book-{patron}-2"))["loan"]["id"]
        lost = {"patronId": patron, "loanIds": [gone]}
        await self.ask("markLoansLost", "MarkLoansLostPreview", **lost, dryRun=True)
        await self.ask("markLoansLost", "MarkLoansLostSuccess", **lost, dryRun=False)

    async def blocks(self, patron: str) -> None:
        """Two blocks, one of them lifted with a reason."""
        first = await self.ask("blockPatron", "BlockSuccess", patronId=patron, comment=self.text("bad"),
                               message=self.text("tell"), expiresAt="2040-01-01T00:00:00Z")  # fmt: skip
        await self.ask("blockPatron", "CommentRequired", patronId=patron, comment=" ", message=self.text("no comment"))
        await self.ask("liftBlock", "BlockSuccess", blockId=first["block"]["id"], reason=self.text("sorry"))

    async def groups(self, patron: str, other: str) -> None:
        """Into a group, lead of it, a waiver, out of it and back."""
        barcode = self.code("card2")
        into = {"patronBarcode": barcode, "into": {"memberBarcode": other}}
        await self.ask("moveToGroup", "MoveToGroupPreview", **into, confirm=False)
        await self.ask("moveToGroup", "MoveToGroupSuccess", **into, confirm=True)
        await self.ask("moveToGroup", into={"memberBarcode": self.code("nobody")}, patronBarcode=barcode, confirm=True)
        await self.ask("grantPrivacyWaiver", "GrantPrivacyWaiverSuccess", patronId=patron)
        await self.ask("revokePrivacyWaiver", "RevokePrivacyWaiverSuccess", patronId=patron)
        group = await db.value(
            "SELECT group_id FROM group_membership WHERE patron_id = $1", int(patron.removeprefix("pat_"))
        )
        await self.ask("setGroupLead", groupId=f"grp_{group}", patronId=patron)
        await self.ask("removeFromGroup", patronIds=[patron])
        back = {"patronIds": [patron], "into": {"groupId": f"grp_{group}"}}
        await self.ask("moveToGroup", "MoveToGroupSuccess", **back, confirm=True)

    async def school(self) -> None:
        """A cohort that comes and goes, and a rollover that moves everybody and is taken back."""
        made = await self.ask("createCohort", "CohortSuccess", code=f"NEXT{self.number}", name="Next")
        following = made["cohort"]["id"]
        own = f"cohort_{self.town.cohort}"
        await self.ask("updateCohort", "CohortSuccess", id=own, nextCohortId=following)
        year = datetime.now(UTC).year
        shown = await self.ask("rollOverCohorts", "RolloverPreview", year=year, dryRun=True)
        begun = await self.ask("rollOverCohorts", "RollOverCohortsSuccess", year=year, dryRun=False,
                               confirmCount=shown["count"], confirmationToken=shown["confirmationToken"])  # fmt: skip
        job = begun["job"]["id"]
        assert (await self.api.follow(job, self.token))[-1]["state"] == "SUCCEEDED"
        back = await self.ask("undoRollover", "UndoRolloverSuccess", jobId=job)
        assert (await self.api.follow(back["job"]["id"], self.token))[-1]["state"] == "SUCCEEDED"
        await self.ask("updateCohort", "CohortSuccess", id=own, nextCohortId=None)
        unused = await self.ask("createCohort", "CohortSuccess", code=f"UNUSED{self.number}", name="Unused")
        await self.ask("deleteCohort", "DeleteCohortSuccess", id=unused["cohort"]["id"])

    async def office(self) -> None:
        """The library's policy, and a colleague, a role and a token that come and go."""
        await self.ask("updateLibraryPolicy", "UpdateLibraryPolicySuccess", exportTtlHours=48 + self.number)
        role = (await self.ask("createRole", "RoleSuccess", name=f"Role {self.number}",
                               permissions=["PATRONS_VIEW"]))["role"]["id"]  # fmt: skip
        await self.ask("updateRole", "RoleSuccess", id=role, permissions=["PATRONS_EDIT"])
        made = await self.ask("createStaffUser", "StaffUserSuccess", username=f"colleague{self.number}",
                              password="eleven slow otters", roleIds=[role])  # fmt: skip
        colleague = made["staffUser"]["id"]
        await self.ask("updateStaffUser", "StaffUserSuccess", id=colleague, displayName="Colleague", roleIds=[])
        await self.ask("setStaffPassword", "StaffUserSuccess", id=colleague, password="twelve slow otters")
        await self.ask("setStaffActive", "StaffUserSuccess", id=colleague, active=False)
        made = await self.ask("createApiToken", "CreateApiTokenSuccess", name="Tool", permissions=["REPORTS_VIEW"])
        await self.ask("revokeApiToken", "RevokeApiTokenSuccess", id=made["apiToken"]["id"])

    async def signs_in(self, barcode: str) -> None:
        """The patron looks at the own account: wrong PIN, right PIN."""
        async with self.api.client() as browser:
            browser.headers.update({"accept": MODERN, "origin": self.api.url, "sec-fetch-site": "same-origin"})
            for pin in (f"{self.marks.digits}9999", self.code("pin"), self.pin):
                found = await browser.post("/graphql", json={"query": SIGN_IN, "variables": {"input": {
                    "barcode": barcode, "pin": pin, "libraryCode": "NORTH"}}})  # fmt: skip
                assert found.status_code == 200, found.text
            assert found.json()["data"]["signInPatron"]["__typename"] == "SignInPatronSuccess", found.text
            mine = await browser.post(
                "/graphql", json={"query": "{ viewer { ... on PatronViewer { patron { displayName } } } }"}
            )
            assert self.marks.letters in mine.text.lower()
        self.done.add("signInPatron")

    async def exports(self, patron: str) -> None:
        """The document in each form, and the library's; each fetched once, and links left unused."""
        for name, given in (
            ("exportPatronData", {"patronId": patron, "format": "JSON"}),
            ("exportPatronData", {"patronId": patron, "format": "HTML"}),
            ("exportPatrons", {"filter": {"category": "Teen"}}),
        ):
            started = await self.ask(name, "ExportStarted", **given)
            job = int(started["job"]["id"].removeprefix("job_"))

            async def ready(job: int = job) -> Any:
                row = await db.row(EXPORT_OF_JOB, job)
                assert row is None or row["state"] != "FAILED"
                return row if row is not None and row["state"] == "READY" else None

            export = (await wait_until(ready))["id"]
            link = await self.ask("createDownloadLink", "DownloadLink", exportId=f"export_{export}")
            async with self.api.client() as client:
                file = await client.get(link["url"], headers={"authorization": f"Bearer {self.token}"})
            assert file.status_code == 200, file.text
            assert self.marks.letters in file.text.lower()
            await self.ask("createDownloadLink", "DownloadLink", exportId=f"export_{export}")

    async def looked_up(self, patron: str) -> None:
        """Every way to find somebody, also when nobody is found."""
        first, last, mail = self.text("first2"), self.text("last2"), f"{self.code('mail2')}@example.org"
        for words in (last, first, f"{last}, {first}", self.code("card2"), mail, self.marks.digits, self.text("x")):
            await self.api.data(SEARCH, {"q": words}, self.token)
        for by in ({"id": patron}, {"barcode": self.code("card2")}, {"username": self.code("user2")},
                   {"barcode": self.code("none")}, {"username": self.code("none")}):  # fmt: skip
            await self.api.data(EVERYTHING, {"by": by}, self.token)

    async def refused(self, patron: str) -> None:
        """Every way of going wrong that carries a value: business, access, malformed, and our own faults."""
        taken = {"firstName": self.text("twin"), "lastName": self.text("twin"), "phone": "+477391846"}
        for more in (
            {"barcode": self.code("card2")}, {"barcode": self.code("new"), "username": self.code("user2")},
            {"barcode": self.code("new"), "email": self.text("no mail")}, {"barcode": self.code("new"), "pin": "1"},
            {"barcode": self.code("new") * 50}, {"barcode": self.code("new"), "notes": self.text("long") * 4_000},
        ):  # fmt: skip
            found = await self.ask("registerPatron", **(taken | more))
            assert found["__typename"] != "RegisterPatronSuccess", more
        late = {"notes": {"notes": self.text("late")}}
        await self.ask("editPatron", "VersionConflict", id=patron, version=1, section=late)
        await self.ask("setPatronPin", "InvalidInput", patronId=patron, pin=self.code("pin"))
        await self.ask("setPatronPin", patronId=patron, pin=self.pin)
        await self.ask("checkOut", patron={"barcode": self.code("none")}, itemBarcode=self.code("item"))
        await self.ask("checkIn", itemBarcode=self.code("item"))
        await self.ask("reactivatePatrons", patronIds=[patron])
        await self.ask("restorePatron", "NotPendingPurge", patronId=patron)
        word = self.code("word")
        as_json = self.api.headers(self.token, **{"content-type": "application/json"})
        async with self.api.client() as client:
            for body in (
                json.dumps({"query": f"{{ {word} }}"}),
                json.dumps({"query": f'{{ patron(by: {{barcode: "{word}"}}) {{ {word} }} }}'}),
                f'{{"query": "{word}', json.dumps({"query": SEARCH, "variables": {"q": {word: word}}}),
                json.dumps({"query": SEARCH, "operationName": word, "variables": {"q": word + "\ud800"}}), word,
                json.dumps({"query": SEARCH, "variables": {"q": word + "\0"}}),
            ):  # fmt: skip
                answer = await client.post("/graphql", content=body.encode(errors="surrogatepass"), headers=as_json)
                assert 400 <= answer.status_code < 500 or "errors" in answer.json(), answer.text
            for path in (f"/{word}", f"/graphql?query={{{word}}}", f"/exports/{word}", f"/graphql/stream?query={word}"):
                await client.get(path, headers={"authorization": f"Bearer {word}", "user-agent": word, "referer": word})
        await self._faults(patron)

    async def _faults(self, patron: str) -> None:
        """The database refuses with the value in its words; the API masks it, and no log quotes it."""
        await db.rows(
            "CREATE FUNCTION test_fault() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'not %', NEW.notes USING DETAIL = NEW.notes, HINT = NEW.notes; END $$"
        )
        await db.rows("CREATE TRIGGER test_fault BEFORE UPDATE ON patron FOR EACH ROW WHEN (NEW.notes LIKE '%fault%')"
                      " EXECUTE FUNCTION test_fault()")  # fmt: skip
        version = await db.value("SELECT version FROM patron WHERE id = $1", int(patron.removeprefix("pat_")))
        answer = await self.api.post(
            "mutation($i: EditPatronInput!) { editPatron(input: $i) { __typename } }",
            {"i": {"id": patron, "version": version, "section": {"notes": {"notes": self.text("fault")}}}}, self.token,
        )  # fmt: skip
        assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL", answer.text
        assert self.marks.letters not in answer.text.lower()
        await db.rows("DROP TRIGGER test_fault ON patron")
        await db.rows("DROP FUNCTION test_fault")

    async def imported(self, patron: str) -> None:
        """A file whose rows are applied, rejected though it is clear whom they mean, and rejected as nobody's."""
        rows = [
            ["barcode", "last_name", "email", "phone", "notes"],
            [
                self.code("card2"),
                self.text("last3"),
                f"{self.code('mail3')}@example.org",
                self.phone("+49"),
                self.text("notes3") + _noise(9_000),
            ],
            [self.code("card2"), self.text("last4"), self.code("mail4"), self.phone("+50"), self.text("notes4")],
            [self.text("card5"), self.text("last5"), self.code("mail5"), self.phone("+51"), self.text("notes5")],
            [self.text("broken6")],
        ]
        file = "\n".join(",".join(row) for row in rows)
        started = await send_in(self.api, self.token, file, format="PATRONS", idempotencyKey=self.code("import"))
        job = started["job"]["id"]
        last = (await self.api.follow(job, self.token))[-1]
        assert (last["state"], last["done"], last["skipped"]) == ("COMPLETED_WITH_ISSUES", 1, 3), last
        async with self.api.client() as client:
            mended = await client.get(f"/jobs/{job}/rejected.csv", headers=self.api.headers(self.token))
        assert mended.text.lower().count(self.marks.letters) >= 8
        self.done.add("importPatrons")

    async def live(self, other: str) -> str:
        """Everything in order; at the end nothing stands in the way of a purge but that the patron is active."""
        patron = await self.register()
        await self.edit(patron)
        await self.desk(patron)
        await self.blocks(patron)
        await self.groups(patron, other)
        await self.school()
        await self.office()
        await self.signs_in(self.code("card2"))
        await self.looked_up(patron)
        await self.refused(patron)
        await self.imported(patron)
        await self.exports(patron)
        await self.signs_in(self.code("card2"))  # a new PIN has ended the session before
        return patron

    async def purged(self, *patrons: str) -> None:
        """By a purge of those tagged."""
        await self.ask("deactivatePatrons", patronIds=list(patrons))
        started = await self.ask("purgePatrons", "PurgePatronsSuccess", patronIds=list(patrons), dryRun=False,
                                 idempotencyKey=self.code(f"purge{patrons[0]}"))  # fmt: skip
        last = (await self.api.follow(started["job"]["id"], self.token))[-1]
        assert (last["state"], last["done"]) == ("SUCCEEDED", len(patrons)), last

    async def deleted(self, patron: str) -> None:
        """By the deletion of one."""
        seen = await self.ask("deletePatron", "DeletePatronPreview", patronId=patron)
        token = seen["confirmationToken"]
        await self.ask("deletePatron", "DeletePatronSuccess", patronId=patron, confirmationToken=token,
                       idempotencyKey=self.code("delete"))  # fmt: skip


def _noise(length: int) -> str:
    """Text that does not compress: in a TOAST table it stays readable."""
    import random

    chosen = random.Random(length)  # noqa: S311 - the same noise each time
    return "".join(chosen.choice("abcdefghijklmnopqrstuvw0123456789") for _ in range(length))
