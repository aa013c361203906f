"""The words of a patron's document: not one of the six names, because its JSON Schema and its page share them.

Each field's label in English and Swedish with its description, and what each stored word means. One that is missing,
or that nothing needs, fails the build.
"""

from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language that a page can be written in."""

    EN = "en"
    SV = "sv"


@dataclass(frozen=True, slots=True)
class Words:
    """What one field of the document is called in each language, and one plain sentence for the JSON Schema."""

    en: str
    sv: str
    description: str

    def label(self, language: Language) -> str:
        """Return the field's name for people."""
        return self.sv if language is Language.SV else self.en


def language_of(locale: str) -> Language:
    """Return the language of a library's locale ("sv", "sv-FI", "sv_SE"); English for any other."""
    return Language.SV if locale.replace("_", "-").split("-")[0].lower() == "sv" else Language.EN


# A section's own words first, then its fields in the document's order.
FIELDS: dict[str, Words] = {
    "schema": Words("Format", "Format", "The name of this schema; another name means another shape."),
    "exportedAt": Words("Made", "Skapad", "When the document was read from the database, at one moment for all of it."),
    "library": Words("Library", "Bibliotek", "The library that holds the data."),
    "library.code": Words("Code", "Kod", "The library's short name."),
    "library.name": Words("Name", "Namn", "The library's name."),
    "library.currency": Words("Currency", "Valuta", "ISO 4217 code of the currency of every amount in this document."),
    "identity": Words("Who you are", "Vem du är", "Names and numbers that say who the patron is."),
    "identity.externalId": Words(
        "Id in another system", "Id i ett annat system", "The patron's id in the system the data came from."
    ),
    "identity.username": Words(
        "User name", "Användarnamn", "The name the patron is known by to the library's systems."
    ),
    "identity.firstName": Words("First name", "Förnamn", "First name; may be empty."),
    "identity.middleName": Words("Middle name", "Mellannamn", "Middle name, if any."),
    "identity.lastName": Words("Last name", "Efternamn", "Last name; may be empty."),
    "identity.preferredName": Words(
        "Preferred name", "Tilltalsnamn", "The name the patron prefers to be called by, if any."
    ),
    "identity.dateOfBirth": Words("Date of birth", "Födelsedatum", "Date of birth, if the library knows it."),
    "contact": Words(
        "How to reach you", "Hur du nås", "How the library reaches the patron; addresses are a list of their own."
    ),
    "contact.email": Words("E-mail", "E-post", "E-mail address, if any."),
    "contact.phone": Words("Phone", "Telefon", "Phone number as it was entered, if any."),
    "registration": Words("Your registration", "Din registrering", "The patron's account at this library."),
    "registration.category": Words("Category", "Kategori", "The library's category of patrons; may be empty."),
    "registration.cohort": Words(
        "Class or year group", "Klass eller årskurs", "Name of the class or year group, if any."
    ),
    "registration.homeBranch": Words(
        "Home branch", "Hemmabibliotek", "Name of the branch the patron belongs to, if any."
    ),
    "registration.registeredAt": Words("Registered", "Registrerad", "When the patron was registered."),
    "registration.expiresOn": Words(
        "Valid until", "Giltig till", "The day the account expires; null when it does not."
    ),
    "registration.lastActivityAt": Words(
        "Last active", "Senast aktiv", "When the patron last used the library, if known."
    ),
    "registration.updatedAt": Words("Last changed", "Senast ändrad", "When the account was last changed."),
    "status": Words("Status of your account", "Kontots status", "Whether the account is in use."),
    "status.status": Words("Status", "Status", "Whether the account is in use, out of use, or waiting to be erased."),
    "status.changedAt": Words("Since", "Sedan", "When the status last changed."),
    "status.purgeAfter": Words(
        "Erased after", "Raderas efter", "When a deleted account is erased for good; null when it is not deleted."
    ),
    "status.protected": Words(
        "Protected from erasure",
        "Skyddat mot radering",
        "Whether staff have marked the account as one that must not be erased.",
    ),
    "notes": Words("Notes about you", "Anteckningar om dig", "What staff have noted about the patron, if anything."),
    "importedRows": Words(
        "Rows of imported files",
        "Rader i importerade filer",
        "What files that were imported say about the patron and was not taken over; kept for a few days.",
    ),
    "importedRows.line": Words("Line", "Rad", "Line of the file; null for a patron whom the file does not name."),
    "importedRows.cells": Words("Cells", "Celler", "The cells of the row, as in the file."),
    "importedRows.column": Words("Column", "Kolumn", "The column that was wrong; empty for the whole row."),
    "importedRows.reason": Words("Reason", "Skäl", "Why the row was not taken over; null while it waits."),
    "exports": Words(
        "Copies of your data",
        "Kopior av dina uppgifter",
        "Files that were made of this patron's data, this one included.",
    ),
    "exports.format": Words("Format", "Format", "How the file is written."),
    "exports.state": Words("State", "Läge", "Where the file stands; only a READY one can be fetched."),
    "exports.createdAt": Words("Asked for", "Begärd", "When the file was asked for."),
    "exports.readyAt": Words("Ready", "Klar", "When the file was complete; null while it is not."),
    "exports.expiresAt": Words(
        "Removed", "Tas bort", "When the file is or was removed; null while it is not complete."
    ),
    "exports.downloads": Words("Times fetched", "Antal hämtningar", "How often the file was fetched."),
    "addresses": Words("Addresses", "Adresser", "The patron's addresses."),
    "addresses.kind": Words("Kind", "Typ", "What the address is for."),
    "addresses.street": Words("Street", "Gata", "Street and number; may be empty."),
    "addresses.postalCode": Words("Postal code", "Postnummer", "Postal code; may be empty."),
    "addresses.city": Words("City", "Ort", "City; may be empty."),
    "addresses.region": Words("Region", "Region", "State, county or region; may be empty."),
    "addresses.country": Words("Country", "Land", "Country as it was entered; may be empty."),
    "cards": Words("Library cards", "Lånekort", "The patron's library cards, earlier ones too."),
    "cards.barcode": Words("Barcode", "Streckkod", "The number on the card."),
    "cards.active": Words("In use", "I bruk", "Whether the card can be used."),
    "cards.createdAt": Words("Issued", "Utfärdat", "When the card was added."),
    "rollovers": Words(
        "Moves to another class or year group",
        "Flyttar till annan klass eller årskurs",
        "Moves of the patron at the end of a school year, planned ones too.",
    ),
    "rollovers.fromCohort": Words("From", "Från", "Name of the class or year group before; null when it is gone."),
    "rollovers.toCohort": Words("To", "Till", "Name of the class or year group after; null when it is gone."),
    "rollovers.movedAt": Words("Moved", "Flyttad", "When the patron was moved; null while it is only planned."),
    "rollovers.deactivated": Words(
        "Taken out of use", "Togs ur bruk", "Whether the account was taken out of use with the move."
    ),
    "rollovers.undoneAt": Words("Taken back", "Ångrad", "When the move was taken back; null when it was not."),
    "groupMemberships": Words(
        "Family or group",
        "Familj eller grupp",
        "The patron's own membership of a group of linked accounts; never who else is in it.",
    ),
    "groupMemberships.lead": Words("Leads the group", "Leder gruppen", "Whether the patron leads the group."),
    "groupMemberships.joinedAt": Words("Joined", "Gick med", "When the patron joined the group."),
    "privacyWaivers": Words(
        "Consents to the group's lead",
        "Medgivanden till gruppens ledare",
        "Consents that let the lead of the patron's group see what the patron has on loan.",
    ),
    "privacyWaivers.grantedAt": Words("Given", "Givet", "When the consent was given."),
    "privacyWaivers.revokedAt": Words(
        "Withdrawn", "Återkallat", "When the consent was withdrawn; null while it holds."
    ),
    "blocks": Words("Blocks", "Spärrar", "Blocks that staff have placed on the account, lifted ones too."),
    "blocks.comment": Words("Reason", "Orsak", "Why staff placed the block."),
    "blocks.message": Words(
        "Message to you", "Meddelande till dig", "What the patron is told about the block, if anything."
    ),
    "blocks.placedAt": Words("Placed", "Satt", "When the block was placed."),
    "blocks.expiresAt": Words("Ends", "Upphör", "When the block ends by itself; null when it does not."),
    "blocks.liftedAt": Words("Lifted", "Hävd", "When the block was lifted; null when it was not."),
    "blocks.liftReason": Words("Why lifted", "Varför hävd", "Why the block was lifted, if that was said."),
    "loans": Words("Loans", "Lån", "Loans, current and returned ones."),
    "loans.item": Words("Item", "Exemplar", "What was lent."),
    "loans.checkedOutAt": Words("Lent", "Utlånat", "When the item was lent."),
    "loans.dueAt": Words("Due", "Åter senast", "When the item is or was due back."),
    "loans.returnedAt": Words("Returned", "Återlämnat", "When the loan ended; null while it is open."),
    "loans.renewalsLeft": Words("Renewals left", "Omlån kvar", "How often the loan could still be renewed."),
    "loans.lost": Words("Lost", "Förkommet", "Whether the item was reported lost while on this loan."),
    "loans.branch": Words("Lent at", "Utlånat på", "Name of the branch that lent the item, if known."),
    "reservations": Words("Reservations", "Reservationer", "Reservations, open and past ones."),
    "reservations.item": Words("Item", "Exemplar", "What was reserved."),
    "reservations.requestedAt": Words("Reserved", "Reserverad", "When the item was reserved."),
    "reservations.pickupBranch": Words(
        "Pick-up at", "Hämtas på", "Name of the branch where the item is picked up, if one was chosen."
    ),
    "reservations.frozen": Words("Paused", "Pausad", "Whether the reservation is paused."),
    "reservations.state": Words("State", "Läge", "What became of the reservation."),
    "reservations.fulfilledAt": Words("Fulfilled", "Uppfylld", "When the patron got the item; null when not."),
    "reservations.cancelledAt": Words("Cancelled", "Avbokad", "When the reservation was cancelled; null when not."),
    "ledger": Words(
        "Charges and payments",
        "Avgifter och betalningar",
        "Every charge to the patron and every payment, in the order they were entered.",
    ),
    "ledger.kind": Words("Kind", "Typ", "What the entry does: a CHARGE is owed, the others settle it or give back."),
    "ledger.amount": Words("Amount", "Belopp", "The amount, always positive: the kind says which way it goes."),
    "ledger.outstanding": Words(
        "Still to pay", "Kvar att betala", "What is left of a charge, negative for a credit; null for the other kinds."
    ),
    "ledger.reason": Words(
        "Reason", "Orsak", "What a charge is for, in the library's own words or codes; may be empty."
    ),
    "ledger.note": Words("Note", "Anteckning", "What staff added to the entry, if anything."),
    "ledger.item": Words("Item", "Exemplar", "The item that the entry is about, if any."),
    "ledger.externalId": Words(
        "Id in another system", "Id i ett annat system", "The entry's id in the system the data came from."
    ),
    "ledger.createdAt": Words("Date", "Datum", "When the entry was made."),
    "item.title": Words("Title", "Titel", "The item's title."),
    "item.author": Words("Author", "Författare", "The item's author; may be empty."),
    "item.barcode": Words("Barcode", "Streckkod", "The number on the item."),
}

# What a stored word means, under "section.field WORD" where it differs from field to field, else under the word.
VALUES: dict[str, tuple[str, str]] = {
    "ACTIVE": ("Active", "Aktivt"),
    "INACTIVE": ("Inactive", "Inaktivt"),
    "PENDING_PURGE": ("Deleted, to be erased", "Borttaget, ska raderas"),
    "HOME": ("Home", "Hem"),
    "MAILING": ("Mailing", "Post"),
    "OTHER": ("Other", "Annan"),
    "JSON": ("JSON", "JSON"),
    "HTML": ("Page to read", "Sida att läsa"),
    "NDJSON": ("JSON lines", "JSON-rader"),
    "REQUESTED": ("Asked for", "Begärd"),
    "RUNNING": ("Being made", "Skapas"),
    "READY": ("Ready", "Klar"),
    "EXPIRED": ("Expired", "Utgången"),
    "FAILED": ("Failed", "Misslyckad"),
    "CANCELLED": ("Cancelled", "Avbruten"),
    "OPEN": ("Open", "Öppen"),
    "FULFILLED": ("Fulfilled", "Uppfylld"),
    "reservations.state CANCELLED": ("Cancelled", "Avbokad"),
    "CHARGE": ("Charge", "Avgift"),
    "PAYMENT": ("Payment", "Betalning"),
    "WAIVE": ("Waived", "Efterskänkt"),
    "WRITE_OFF": ("Written off", "Avskriven"),
    "REFUND": ("Refund", "Återbetalning"),
}


def value_label(path: str, word: str, language: Language) -> str:
    """Return what a stored word of the field at `path` is called. Raises KeyError for one without a name."""
    english, swedish = VALUES.get(f"{path} {word}") or VALUES[word]
    return swedish if language is Language.SV else english


# The page's own sentences. {name}, {library}, {when}, {count} are filled in.
PAGE: dict[str, tuple[str, str]] = {
    "title": ("Data about {name}", "Uppgifter om {name}"),
    "nameless": ("a patron without a name", "en låntagare utan namn"),
    "lead": (
        "This is what {library} holds about you, read at {when} (UTC).",
        "Det här är vad {library} har sparat om dig, läst {when} (UTC).",
    ),
    "private": (
        "Keep this file to yourself. It never holds your PIN, other people's data, or who of the staff did what.",
        "Förvara filen så att bara du kommer åt den. Den innehåller aldrig din pinkod, uppgifter om andra eller"
        " vem i personalen som gjort vad.",
    ),
    "reading": (
        "All times are UTC. A dash (–) means that nothing is recorded there.",
        "Alla tider är UTC. Ett streck (–) betyder att inget är registrerat där.",
    ),
    "contents": ("Contents", "Innehåll"),
    "nobody": ("No entries are recorded here.", "Här finns inga poster."),
    "nothing": ("Nothing is recorded here.", "Här finns inget registrerat."),
    "one": ("1 entry", "1 post"),
    "many": ("{count} entries", "{count} poster"),
    "order": ("in the order they were recorded", "i den ordning de registrerades"),
    "yes": ("Yes", "Ja"),
    "no": ("No", "Nej"),
    "machine": (
        "The same data as a file for programs: ask the library for the JSON format.",
        "Samma uppgifter som fil för program: be biblioteket om formatet JSON.",
    ),
    "format": ("Format", "Format"),
}


def phrase(key: str, language: Language, **filled: object) -> str:
    """Return one of the page's own sentences."""
    return PAGE[key][language is Language.SV].format(**filled)
