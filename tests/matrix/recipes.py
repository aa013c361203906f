"""What the matrix sends: for each id its type, for each text whether it names an object, and what a mutation needs.

A new field, argument or address that is not known here fails the tests with a sentence that says what to add.
Keys are names of inputs, or, where one name means different things, Type.field or Type.field.argument.
"""

import datetime as dt
import hashlib
import io
from dataclasses import dataclass, field
from typing import Any

from tests.graph.library import (
    ANNA,
    ASA,
    BLOCKED,
    BORROWER,
    CODES,
    LEAVING,
    LETTERS,
    number,
)

from patrongraph.graph.scalars import Upload
from patrongraph.permissions import Permission

P = Permission
MISSING = 888_888_888
"""The key of a row that no library has."""
OWN_ROW = 300
"""Number of the rows that ground.py adds to each library: a patron without obstacles, and one loan, debt … of hers."""
IDLE = 301
"""Number of an inactive patron with nothing in the way of a purge, and of a paused purge."""
ROLLED = 303
"""Number of the job of a rollover that can be taken back."""
PASSWORD, NEW_PASSWORD, PIN = "eleven slow otters", "twelve slow otters", "739184"


@dataclass(frozen=True)
class Own:
    """The id of a row that every library has, of that type and number."""

    prefix: str
    row: int = 1

    def of(self, library: int) -> str:
        return f"{self.prefix}_{self.key(library)}"

    def key(self, library: int) -> int:
        return number(library, self.row)

    @property
    def missing(self) -> str:
        return f"{self.prefix}_{MISSING}"


@dataclass(frozen=True)
class Gone(Own):
    """The id of a patron whom that library has erased."""

    prefix: str = "pat"
    row: int = 990_000

    def key(self, library: int) -> int:
        return self.row + library


@dataclass(frozen=True)
class Named(Own):
    """A text that names an object of the library, in which {letter} and {code} are the library's."""

    prefix: str = ""
    text: str = ""

    def of(self, library: int) -> str:
        return self.text.format(letter=LETTERS[library], code=CODES[library])

    @property
    def missing(self) -> str:
        return self.text.format(letter="Q", code="NOWHERE")


@dataclass(frozen=True)
class File:
    """A file to be uploaded."""

    name: str
    content: bytes

    def upload(self) -> Upload:
        """Return it as the transport hands it over, to be read once."""
        return Upload(self.name, len(self.content), hashlib.sha256(self.content).hexdigest(), io.BytesIO(self.content))


# ---- Ids: of what type. The number is of a row that most mutations can work on.

IDS: dict[str, Own] = {
    "blockId": Own("block"),
    "branchId": Own("branch"),
    "branchIds": Own("branch"),
    "cloneFrom": Own("pat", ASA),
    "cohortId": Own("cohort"),
    "debtId": Own("debt", OWN_ROW),
    "exportId": Own("export", OWN_ROW),
    "groupId": Own("grp"),
    "itemBranchIds": Own("branch"),
    "jobId": Own("job"),
    "loanId": Own("loan", OWN_ROW),
    "loanIds": Own("loan", OWN_ROW),
    "nextCohortId": Own("cohort"),
    "patronId": Own("pat", OWN_ROW),
    "patronIds": Own("pat", OWN_ROW),
    "pickupBranchId": Own("branch"),
    "reservationId": Own("res", OWN_ROW),
    "roleIds": Own("role", 2),
    "subject": Own("pat", ASA),
    "DeleteCohortInput.id": Own("cohort", OWN_ROW),
    "EditPatronInput.id": Own("pat", OWN_ROW),
    "JobInput.id": Own("job", 2),
    "PatronRef.id": Own("pat", OWN_ROW),
    "Query.erasureCertificate.patronId": Gone(),
    "Query.group.id": Own("grp"),
    "Query.job.id": Own("job"),
    "Query.node.id": Own("pat", ASA),
    "RevokeApiTokenInput.id": Own("token"),
    "RetryFailedItemsInput.jobId": Own("job", OWN_ROW),
    "SetStaffActiveInput.id": Own("staff", 2),
    "SetStaffPasswordInput.id": Own("staff", 3),
    "Subscription.jobProgress.id": Own("job"),
    "UndoRolloverInput.jobId": Own("job", ROLLED),
    "UpdateCohortInput.id": Own("cohort", 3),
    "UpdateRoleInput.id": Own("role", 2),
    "UpdateStaffUserInput.id": Own("staff", 2),
}

# ---- Texts that name an object of the library.

NAMES: dict[str, Named] = {
    "GroupRef.memberBarcode": Named(text="{letter}-50"),
    "MoveToGroupInput.patronBarcode": Named(text="{letter}-300"),
    "PatronRef.barcode": Named(text="{letter}-300"),
    "PatronRef.username": Named(text="clean{letter}"),
    "Query.item.barcode": Named(text="{letter}-shelf"),
    "StatisticFilter.categories": Named(text="{letter}-pupils"),
    "StatisticFilter.cohorts": Named(text="{letter}-spare"),
    "StatisticFilter.materialTypes": Named(text="{letter}-maps"),
}

# Texts that a new object is to be called; another library's object may be called the same.
NEW: dict[str, Named] = {
    "CreateCohortInput.code": Named(text="{letter}-spare"),
    "PatronLibraryInput.barcode": Named(text="{letter}-50"),
    "PatronLibraryInput.username": Named(text="o{letter}"),
    "RegisterPatronInput.barcode": Named(text="{letter}-50"),
    "RegisterPatronInput.username": Named(text="o{letter}"),
    "UpdateCohortInput.code": Named(text="{letter}-spare"),
}

# Texts that name an object of any library, each with the reason.
SHARED = {
    "itemBarcode": "libraries of a consortium lend each other's items",
    "libraryCode": "who signs in says where",
    "CreateStaffUserInput.username": "a new name, which another library's account may have too",
    "SignInInput.username": "nobody is signed in yet",
    "SignInPatronInput.barcode": "nobody is signed in yet",
}

# Texts that are only values.
PLAIN = frozenset({
    "action", "after", "category", "city", "column", "comment", "confirmationToken", "country", "currentPassword",
    "displayName", "email", "firstName", "idempotencyKey", "lastName", "locale",
    "message", "middleName", "name", "newPassword", "note", "notes",
    "password",
    "phone", "pin", "postalCode", "preferredName", "reason", "region", "search", "street",
})  # fmt: skip

# ---- What must be sent, where it is no id.

VALUES: dict[str, Any] = {
    "first": 5,
    "amount": "1.00",
    "barcode": "fresh",
    "code": "11A",
    "column": "last_name",
    "comment": "why",
    "name": "Year 11",
    "reason": "why",
    "confirm": True,
    "dryRun": False,
    "itemBarcode": "N-shelf",
    "pin": "529631",
    "password": PASSWORD,
    "currentPassword": PASSWORD,
    "newPassword": NEW_PASSWORD,
    "version": 1,
    "active": False,
    "CreateStaffUserInput.username": "newN",
    "CreateRoleInput.permissions": ["STAFF_MANAGE"],
    "CreateApiTokenInput.permissions": ["STAFF_MANAGE"],
    "year": dt.datetime.now(dt.UTC).year,
    "file": File("pupils.csv", b"external_id,first_name,last_name\nfresh-1,Freja,Lund\n"),
    "ImportPatronsInput.format": "PATRONS",
    "Query.loanStatistics.from": "2015-01-01",
    "Query.loanStatistics.to": "2039-12-31",
    "Query.loanStatistics.by": ["YEAR", "BRANCH", "ITEM_BRANCH", "MATERIAL_TYPE", "CATEGORY", "COHORT", "LOST"],
    "SignInInput.username": "admin",
    "SignInPatronInput.barcode": "N-300",
}
# Which one of its fields a @oneOf input gets.
CHOICES = {"PatronRef": "id", "GroupRef": "groupId", "PatronSectionInput": "contact"}

# Arguments of fields below the roots.
INNER = {"first": "3", "to": "PURGE"}


@dataclass(frozen=True)
class Act:
    """What a mutation needs beside what must be sent, and what it answers when it acts.

    `confirmed`: it acts when count and token of a dry run are quoted.
    """

    answers: str
    given: dict[str, Any] = field(default_factory=dict)
    also: tuple[Permission, ...] = ()
    changes: bool = True
    confirmed: bool = False


OMIT = object()
"""In `given`: leave that out."""

ACTS: dict[str, Act] = {
    "signIn": Act("SignInSuccess", {"libraryCode": "NORTH"}),
    "signOut": Act("SignOutSuccess"),
    "reauthenticate": Act("ReauthenticateSuccess"),
    "changePassword": Act("ChangePasswordSuccess"),
    "createStaffUser": Act("StaffUserSuccess"),
    "updateStaffUser": Act("StaffUserSuccess", {"displayName": "Other"}),
    "setStaffActive": Act("StaffUserSuccess"),
    "setStaffPassword": Act("StaffUserSuccess"),
    "createRole": Act("RoleSuccess"),
    "updateRole": Act("RoleSuccess", {"name": "Other"}),
    "createApiToken": Act("CreateApiTokenSuccess"),
    "revokeApiToken": Act("RevokeApiTokenSuccess"),
    "updateLibraryPolicy": Act("UpdateLibraryPolicySuccess", {"graceDays": 5}),
    "signInPatron": Act("SignInPatronSuccess", {"pin": PIN, "libraryCode": "NORTH"}),
    "deactivatePatrons": Act("PatronsStatusSuccess"),
    "reactivatePatrons": Act("PatronsStatusSuccess", {"patronIds": [Own("pat", IDLE)]}),
    "registerPatron": Act("RegisterPatronSuccess", {"firstName": "New"}),
    "editPatron": Act("EditPatronSuccess", {"section": {"contact": {"phone": "070 1"}}}),
    "setPatronPin": Act("SetPatronPinSuccess", {"pin": "529631"}),
    "blockPatron": Act("BlockSuccess"),
    "liftBlock": Act("BlockSuccess"),
    "moveToGroup": Act("MoveToGroupSuccess", {"patronIds": [Own("pat", OWN_ROW)]}),
    "removeFromGroup": Act("RemoveFromGroupSuccess", {"patronIds": [Own("pat", ANNA)]}),
    "setGroupLead": Act("SetGroupLeadSuccess", {"patronId": Own("pat", ANNA)}),
    "grantPrivacyWaiver": Act("GrantPrivacyWaiverSuccess", {"patronId": Own("pat", BLOCKED)}),
    "revokePrivacyWaiver": Act("RevokePrivacyWaiverSuccess", {"patronId": Own("pat", ANNA)}),
    "createCohort": Act("CohortSuccess"),
    "updateCohort": Act("CohortSuccess", {"name": "Year seven"}),
    "deleteCohort": Act("DeleteCohortSuccess"),
    "rollOverCohorts": Act("RollOverCohortsSuccess", confirmed=True),
    "undoRollover": Act("UndoRolloverSuccess"),
    "checkOut": Act("CheckOutSuccess"),
    "checkIn": Act("CheckInSuccess", {"itemBarcode": "N-lent"}),
    "renewLoan": Act("RenewLoanSuccess"),
    "placeReservation": Act("PlaceReservationSuccess"),
    "cancelReservation": Act("CancelReservationSuccess"),
    "chargeDebt": Act("ChargeDebtSuccess"),
    "payDebt": Act("SettleDebtSuccess"),
    "waiveDebt": Act("SettleDebtSuccess"),
    "purgePatrons": Act("PurgePatronsSuccess", {"patronIds": [Own("pat", IDLE)]}),
    "markLoansLost": Act("MarkLoansLostSuccess"),
    "deletePatron": Act("DeletePatronPreview", {"patronId": Own("pat", IDLE)}, changes=False),
    "restorePatron": Act("RestorePatronSuccess", {"patronId": Own("pat", LEAVING)}),
    "exportPatronData": Act("ExportStarted"),
    "exportPatrons": Act("ExportStarted"),
    "createDownloadLink": Act("DownloadLink"),
    "importPatrons": Act("ImportStarted"),
    "pauseJob": Act("JobSuccess", {"id": Own("job", 2)}, also=(P.PATRONS_PURGE,)),
    "resumeJob": Act("JobSuccess", {"id": Own("job", IDLE)}, also=(P.PATRONS_PURGE,)),
    "cancelJob": Act("JobSuccess", {"id": Own("job", IDLE)}, also=(P.PATRONS_PURGE,)),
    "retryFailedItems": Act("RetryFailedItemsSuccess"),
}

# Another form of the input, for what the first cannot say: mutation and first input field → what is sent instead.
FORMS: dict[tuple[str, str], dict[str, Any]] = {
    ("purgePatrons", "filter"): {"patronIds": OMIT, "filter": {"status": "INACTIVE"}, "dryRun": True},
    ("moveToGroup", "patronBarcode"): {"patronIds": OMIT},
    # A patron whom nothing keeps from a purge but this loan.
    ("markLoansLost", "purge"): {"patronId": Own("pat", BORROWER), "loanIds": [Own("loan", 11)]},
}

# Input fields that need a permission of their own; descriptions that say "needs … as well" must be here.
INPUTS: dict[str, tuple[Permission, Any]] = {
    "markLoansLost.purge": (P.PATRONS_PURGE, True),
    "registerPatron.cloneFrom": (P.GROUPS_MANAGE, Own("pat", ASA)),
}

# What a job's kind needs before it can be stopped or resumed: a purge, an export, an import, a rollover.
JOBS: dict[tuple[str, Own], Permission] = {
    ("pauseJob", Own("job", 2)): P.PATRONS_PURGE,
    ("resumeJob", Own("job", IDLE)): P.PATRONS_PURGE,
    ("cancelJob", Own("job", IDLE)): P.PATRONS_PURGE,
    ("pauseJob", Own("job", 11)): P.PATRONS_DOWNLOAD_DATA,
    ("resumeJob", Own("job", 9)): P.PATRONS_DOWNLOAD_DATA,
    ("cancelJob", Own("job", 9)): P.PATRONS_DOWNLOAD_DATA,
    ("pauseJob", Own("job", 4)): P.PATRONS_IMPORT,
    ("cancelJob", Own("job", 4)): P.PATRONS_IMPORT,
    ("pauseJob", Own("job", 6)): P.COHORTS_ROLL_OVER,
    ("cancelJob", Own("job", 6)): P.COHORTS_ROLL_OVER,
}

# Root fields that take no permission: what anybody signed in may do, and what needs no sign-in at all.
SIGNED_IN = frozenset({
    "Query.node", "Query.viewer", "Query.library", "Mutation.reauthenticate", "Mutation.changePassword",
})  # fmt: skip
PUBLIC = frozenset({"Mutation.signIn", "Mutation.signOut", "Mutation.signInPatron"})
PATRONS = PUBLIC | {"Query.viewer"}

# Where a field with a permission of its own is not null: field and query → other arguments of the query.
SHOWN: dict[tuple[str, str], dict[str, Any]] = {
    ("Job.import", "job"): {"id": Own("job", 4)},
    ("ImportRejection.patron", "job"): {"id": Own("job", 4)},
}

# ---- Types that are reached without the permission that node(id:) asks for them.

# Seen beside anything: a colleague's name (what is more of them needs STAFF_MANAGE), the job one started, what became
# of each patron by opaque id, and the size and state of a file (not the file).
BESIDE = frozenset({"StaffUser", "Job", "JobItem", "DataExport"})
# Their verbs answer with the patron that they were about, so whoever has one of these sees that patron.
ABOUT_PATRONS = frozenset({
    P.PATRONS_CREATE, P.PATRONS_EDIT, P.PATRONS_BLOCK, P.PATRONS_DELETE, P.PATRONS_DEACTIVATE, P.PATRONS_PURGE,
    P.ITEMS_MARK_LOST, P.GROUPS_MANAGE, P.CIRCULATION_DESK,
})  # fmt: skip
# What anybody may see of themselves.
ONESELF = {("Query.viewer", "StaffUser"), ("Query.viewer", "ApiToken"), ("Query.viewer", "Role")}


# ---- HTTP addresses outside GraphQL.


@dataclass(frozen=True)
class Address:
    """One address: who may fetch it, and what stands in its place for an id. `one_of`: any of these opens it.

    It is fetched with each of `queries`; `missing` is the status for an id that nobody has, and
    `answers` that of a public address.
    """

    one_of: tuple[Permission, ...] = ()
    own: Own | None = None
    public: bool = False
    queries: tuple[str, ...] = ("",)
    missing: int = 404
    answers: int = 200


ADDRESSES: dict[str, Address] = {
    "/": Address(public=True, answers=404),  # only a browser is sent on
    "/console": Address(public=True),
    "/console/assets/{name:path}": Address(public=True, answers=404),
    "/console/{path:path}": Address(public=True),
    "/explorer": Address(public=True),
    "/exports/schema/{file}": Address(public=True),
    "/exports/{token}": Address((P.PATRONS_DOWNLOAD_DATA,)),
    "/healthz": Address(public=True),
    "/jobs/{id}/certificate": Address((P.AUDIT_VIEW,), Own("job")),
    "/jobs/{id}/certificate.json": Address((P.AUDIT_VIEW,), Own("job")),
    "/jobs/{id}/items.csv": Address((P.PATRONS_VIEW, P.AUDIT_VIEW), Own("job")),
    "/jobs/{id}/rejected.csv": Address((P.PATRONS_IMPORT,), Own("job", 4)),
    "/patrons/{id}/certificate": Address((P.AUDIT_VIEW,), Gone()),
    "/patrons/{id}/certificate.json": Address((P.AUDIT_VIEW,), Gone()),
    "/readyz": Address(public=True),
    # Nothing is lent at a branch that there is not, so the table is empty.
    "/statistics/loans.csv": Address(
        (P.REPORTS_VIEW,), Own("branch"), missing=200,
        queries=tuple(
            f"?from=2015-01-01&to=2039-12-31&by=YEAR,BRANCH,ITEM_BRANCH&{name}={{id}}"
            for name in ("branchId", "itemBranchId")
        ),
    ),
}  # fmt: skip
"""By the route's path; GraphQL's own addresses are not here."""
