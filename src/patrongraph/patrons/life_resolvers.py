"""Root fields that begin and change an account: registerPatron, editPatron and setPatronPin.

A file of its own beside `resolvers`, which would grow too long with it.
"""

from typing import Annotated

import strawberry

from patrongraph.graph.declare import mutation, read_back
from patrongraph.graph.engine import Operation
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.patrons import edit, inputs, register
from patrongraph.patrons.inputs import EditPatronInput, RegisterPatronInput, SetPatronPinInput
from patrongraph.patrons.problems import BarcodeTaken, UsernameTaken, VersionConflict
from patrongraph.patrons.resolvers import patron_key
from patrongraph.patrons.types import Patron
from patrongraph.permissions import Permission
from patrongraph.problems import InputReason, InvalidInput, NotFound, invalid
from patrongraph.staff.problems import SignInBusy

_REGISTERED = (*register.COLUMNS, "barcode")


@strawberry.type(description="The patron is registered.")
class RegisterPatronSuccess:
    """Payload of registerPatron."""

    patron_id: strawberry.Private[int]
    patron: Patron = read_back("patron_id", "The new patron.")


@strawberry.type(description="The patron, with the section as you asked.")
class EditPatronSuccess:
    """Payload of editPatron."""

    patron_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether anything was otherwise before; if not, the version stays.")
    patron: Patron = read_back("patron_id", "The patron.")


@strawberry.type(description="The PIN is set or taken away, and the patron is signed out everywhere.")
class SetPatronPinSuccess:
    """Payload of setPatronPin."""

    patron_id: strawberry.Private[int]
    patron: Patron = read_back("patron_id", "The patron.")


RegisterPatronResult = Annotated[
    RegisterPatronSuccess | InvalidInput | NotFound | BarcodeTaken | UsernameTaken | SignInBusy | IdempotencyMismatch,
    strawberry.union("RegisterPatronResult", description="The new patron, or why there is none."),
]
EditPatronResult = Annotated[
    EditPatronSuccess | InvalidInput | NotFound | VersionConflict | BarcodeTaken | UsernameTaken | IdempotencyMismatch,
    strawberry.union("EditPatronResult", description="The patron, or why nothing was changed."),
]
SetPatronPinResult = Annotated[
    SetPatronPinSuccess | InvalidInput | NotFound | SignInBusy,
    strawberry.union("SetPatronPinResult", description="The patron, or why the PIN was not changed."),
]


@strawberry.type
class PatronLifeMutation:
    """Mutation.registerPatron, editPatron and setPatronPin."""

    @mutation("Open an account, alone or as a copy of a relative's.", permission=Permission.PATRONS_CREATE)
    async def register_patron(
        self, info: strawberry.Info[Operation], input: RegisterPatronInput
    ) -> RegisterPatronResult:
        homes = input.addresses
        patron_id = await register.register(
            info.context.actor,
            inputs.columns(input, *_REGISTERED),
            None if homes is None else inputs.addresses(homes.value or []),
            pin=input.pin,
            clone_from=None if input.clone_from is None else patron_key(input.clone_from),
            idempotency_key=input.idempotency_key,
        )
        return RegisterPatronSuccess(patron_id=patron_id)

    @mutation(
        "Change one section of a patron that nobody changed since you read it.", permission=Permission.PATRONS_EDIT
    )
    async def edit_patron(self, info: strawberry.Info[Operation], input: EditPatronInput) -> EditPatronResult:
        section, given, homes = inputs.section(input.section)
        edited = await edit.edit(
            info.context.actor,
            patron_key(input.id),
            input.version,
            section,
            given,
            addresses=homes,
            idempotency_key=input.idempotency_key,
        )
        return EditPatronSuccess(patron_id=edited.patron_id, changed=edited.changed)

    @mutation("Give a patron a PIN, or take it away; it can never be read.", permission=Permission.PATRONS_EDIT)
    async def set_patron_pin(self, info: strawberry.Info[Operation], input: SetPatronPinInput) -> SetPatronPinResult:
        if input.pin is None:
            message = "Give the new PIN, or null to take the PIN away."
            raise invalid("input.pin", message, InputReason.REQUIRED)
        patron_id = await edit.set_pin(info.context.actor, patron_key(input.patron_id), input.pin.value)
        return SetPatronPinSuccess(patron_id=patron_id)
