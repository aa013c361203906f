"""What clients say to register or edit a patron; a file of its own, because it is long. Answers: `life_resolvers`."""

import datetime as dt
from typing import Any

import strawberry

from patrongraph.graph.ids import BadArgument, decode_id
from patrongraph.patrons.edit import Section
from patrongraph.patrons.problems import AddressKind
from patrongraph.patrons.rules import PIN_LONGEST, PIN_SHORTEST, PostalAddress

_KEY = "A text of your choice; the same request sent again with it changes nothing more."
_PIN = f"{PIN_SHORTEST} to {PIN_LONGEST} digits, not all the same and not a sequence."


@strawberry.input(description="One address; at least one of its lines.")
class AddressInput:
    """Stored as a row of the patron's own."""

    kind: AddressKind = strawberry.field(default=AddressKind.HOME, description="What it is for.")
    street: str = strawberry.field(default="", description="Street and number, at most 200 characters.")
    postal_code: str = strawberry.field(default="", description="Postal code, at most 20 characters.")
    city: str = strawberry.field(default="", description="City, at most 100 characters.")
    region: str = strawberry.field(default="", description="State, county or region, at most 100 characters.")
    country: str = strawberry.field(default="", description="Country, at most 100 characters.")


@strawberry.input(
    description="A new patron. With cloneFrom, branchId, category, phone and addresses are copied where they are left"
    " out; null says that the new patron has none."
)
class RegisterPatronInput:
    """Input of registerPatron."""

    barcode: str = strawberry.field(description="Barcode of the patron's card, new in your library.")
    first_name: str | None = strawberry.field(
        default=None, description="Given name; this or the family name is needed."
    )
    middle_name: str | None = strawberry.field(default=None, description="Middle name.")
    last_name: str | None = strawberry.field(default=None, description="Family name.")
    preferred_name: str | None = strawberry.field(default=None, description="What the patron wants to be called.")
    date_of_birth: dt.date | None = strawberry.field(default=None, description="Date of birth, not in the future.")
    email: str | None = strawberry.field(default=None, description="E-mail address.")
    phone: strawberry.Maybe[str | None] = strawberry.field(description="Telephone number.")
    addresses: strawberry.Maybe[list[AddressInput] | None] = strawberry.field(description="Addresses, at most 10.")
    category: strawberry.Maybe[str | None] = strawberry.field(description="Patron category.")
    branch_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(description="Home branch.")
    cohort_id: strawberry.ID | None = strawberry.field(default=None, description="School year group.")
    username: str | None = strawberry.field(default=None, description="Name to sign in with, new in your library.")
    expires_on: dt.date | None = strawberry.field(
        default=None, description="Last day on which the account may be used; not in the past."
    )
    notes: str | None = strawberry.field(default=None, description="Notes for staff.")
    pin: str | None = strawberry.field(default=None, description=_PIN)
    clone_from: strawberry.ID | None = strawberry.field(
        default=None,
        description="A relative, say: the new patron joins this patron's group. Needs GROUPS_MANAGE as well.",
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="Names and date of birth. What is left out stays; null takes it away.")
class PatronIdentityInput:
    """A patron keeps a given name or a family name."""

    first_name: strawberry.Maybe[str | None] = strawberry.field(description="Given name.")
    middle_name: strawberry.Maybe[str | None] = strawberry.field(description="Middle name.")
    last_name: strawberry.Maybe[str | None] = strawberry.field(description="Family name.")
    preferred_name: strawberry.Maybe[str | None] = strawberry.field(description="What the patron wants to be called.")
    date_of_birth: strawberry.Maybe[dt.date | None] = strawberry.field(description="Date of birth.")


@strawberry.input(description="How to reach the patron. What is left out stays; null takes it away.")
class PatronContactInput:
    """Addresses are a section of their own."""

    email: strawberry.Maybe[str | None] = strawberry.field(description="E-mail address.")
    phone: strawberry.Maybe[str | None] = strawberry.field(description="Telephone number.")


@strawberry.input(description="The account at the library. What is left out stays; null takes it away.")
class PatronLibraryInput:
    """A card and the protected flag cannot be taken away, only changed."""

    barcode: strawberry.Maybe[str | None] = strawberry.field(
        description="Barcode of the card to use from now on; the cards before it become inactive."
    )
    username: strawberry.Maybe[str | None] = strawberry.field(description="Name to sign in with.")
    category: strawberry.Maybe[str | None] = strawberry.field(description="Patron category.")
    branch_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(description="Home branch.")
    cohort_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(description="School year group.")
    expires_on: strawberry.Maybe[dt.date | None] = strawberry.field(
        description="Last day on which the account may be used."
    )
    protected: strawberry.Maybe[bool | None] = strawberry.field(
        description="Whether the account is kept from deletion and purge."
    )


@strawberry.input(description="What staff write about the patron. What is left out stays; null takes it away.")
class PatronNotesInput:
    """The patron may read it: it is in the export of their data."""

    notes: strawberry.Maybe[str | None] = strawberry.field(description="Notes, at most 10,000 characters.")


@strawberry.input(one_of=True, description="The section of a patron that an edit is about.")
class PatronSectionInput:
    """Exactly one of the fields."""

    identity: PatronIdentityInput | None = strawberry.field(
        default=strawberry.UNSET, description="Names and date of birth."
    )
    contact: PatronContactInput | None = strawberry.field(
        default=strawberry.UNSET, description="E-mail address and telephone number."
    )
    addresses: list[AddressInput] | None = strawberry.field(
        default=strawberry.UNSET, description="All addresses; they replace those that the patron has. At most 10."
    )
    library: PatronLibraryInput | None = strawberry.field(
        default=strawberry.UNSET, description="Card, username, category, branch, cohort, last day, protection."
    )
    notes: PatronNotesInput | None = strawberry.field(default=strawberry.UNSET, description="Notes for staff.")


@strawberry.input(description="An edit of one section of a patron.")
class EditPatronInput:
    """Input of editPatron."""

    id: strawberry.ID = strawberry.field(description="Id of the patron.")
    version: int = strawberry.field(description="The patron's version that this edit starts from.")
    section: PatronSectionInput = strawberry.field(description="What changes.")
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="A new PIN for a patron, or none.")
class SetPatronPinInput:
    """Input of setPatronPin. A PIN can be set and never read."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")
    pin: strawberry.Maybe[str | None] = strawberry.field(
        description=f"{_PIN} Null takes the PIN away; it may not be left out."
    )


_IDS = {"branch_id": "branch", "cohort_id": "cohort"}


def columns(said: Any, *names: str) -> dict[str, object]:
    """Return what an input says of these columns: of a Maybe only what was given. Raises BadArgument for an id."""
    found: dict[str, object] = {}
    for name in names:
        value = getattr(said, name)
        if isinstance(value, strawberry.Some):
            value = value.value
        elif value is None:
            continue
        found[name] = decode_id(_IDS[name], value) if name in _IDS and value is not None else value
    return found


def addresses(said: list[AddressInput]) -> list[PostalAddress]:
    """Return addresses as actions take them."""
    return [
        PostalAddress(each.kind, each.street, each.postal_code, each.city, each.region, each.country) for each in said
    ]


def section(said: PatronSectionInput) -> tuple[Section, dict[str, object], list[PostalAddress]]:
    """Return the one section that an edit names, its columns and its addresses. Raises BadArgument."""
    for which in Section:
        part = getattr(said, which.value.lower())
        if part is strawberry.UNSET or part is None:
            continue
        if which is Section.ADDRESSES:
            return which, {}, addresses(part)
        return which, columns(part, *(type(part).__annotations__)), []
    raise BadArgument("Name exactly one section that is not null.")
