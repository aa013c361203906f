"""Whom each row of a file means, what is wrong with it and what it would change, as one statement made for the file.

Beside the six names because planning, each chunk and an erasure ask the same of the rows, in one SQL text. The limits
are those of patrons/rules.py. What a patron has already need not keep today's rules. A reason is the end of a sentence
that begins with the column's name, and never quotes a cell.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patrongraph.imports.layout import PEOPLE, Column, Kind, value_sql, what_is_wrong
from patrongraph.imports.models import ImportFormat, RejectionCode
from patrongraph.patrons.rules import (
    BARCODE_PATTERN,
    EMAIL_PATTERN,
    FURTHEST_YEARS,
    LENGTHS,
    OLDEST_YEARS,
    TEXTS,
)
from patrongraph.problems import InputReason

ADDRESS = tuple(LENGTHS)
"""The parts of the HOME address."""

PERSON = ("first_name", "middle_name", "last_name", "preferred_name", "date_of_birth", "email", "phone", *ADDRESS)
"""What a file that tells all there is about a person empties by leaving it out."""

NOT_NULL = frozenset({"first_name", "last_name", "category"})
"""Columns of patron that hold '' for nothing."""

OWN_COLUMNS = (
    "external_id", "username", "first_name", "middle_name", "last_name", "preferred_name", "date_of_birth", "email",
    "phone", "category", "registered_at", "expires_on", "notes",
)  # fmt: skip
"""Fields that are a column of patron under the same name."""

# What Python calls white space, trimmed from cells as the API trims its input.
_BLANKS = "".join(
    map(chr, (*range(9, 14), *range(28, 33), 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288))
)
_BLANK_CLASS = "".join(f"\\u{ord(blank):04X}" for blank in _BLANKS)
_CONTROLS = r"[\u0001-\u001F\u007F-\u009F]"
_CONTROLS_BUT_LINES = r"[\u0001-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]"
_TRIMMED = f"E'{_BLANK_CLASS}'"

_ASKED = ("id", "username", "status", "version")
"""What a file of statuses asks of a patron."""

_KINDS = {column.name: column for column in PEOPLE.columns}
_LONGEST = {name: text.longest for name, text in TEXTS.items()} | LENGTHS
_YEAR = "extract(year FROM {0})"

SEPARATOR = "E'\\x1f'"
"""Between field, code, sentence, reason and number of a problem; most codes need no reason and have no number."""

_UNREAD = {Kind.DATE: InputReason.NOT_A_DATE, Kind.TIME: InputReason.NOT_A_TIME, Kind.FLAG: InputReason.NOT_A_FLAG}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a file's columns mean: `fields` one for each cell. `whole`: a person's field that is left out is emptied."""

    format: ImportFormat
    fields: tuple[str, ...]
    whole: bool

    @property
    def known(self) -> tuple[str, ...]:
        """The fields that the file has, in the layout's order."""
        return tuple(name for name in _KINDS if name in self.fields)

    @property
    def address(self) -> tuple[str, ...]:
        """The parts of an address that the file has."""
        return tuple(name for name in ADDRESS if name in self.fields)

    @property
    def may_create(self) -> bool:
        """Whether a row about nobody makes a new patron."""
        return self.format is not ImportFormat.STATUS

    def cell(self, name: str) -> str:
        """Return the SQL of a field's cell."""
        return f"cells[{self.fields.index(name) + 1}]"


def resolved(meaning: Meaning, which: str, more: Iterable[str] = ()) -> str:
    """Return the SELECT of rows `which` with their values (v_), what is wrong with them (w_) and the patron meant.

    $1 is the library. Columns: id, line, target_id, the owners of card and username, and the fields' t_, v_ and w_.
    """
    known = meaning.known
    texts = ", ".join(f"{_text(meaning.cell(name))} AS t_{name}" for name in known)
    values = ", ".join(f"{_value(name)} AS v_{name}, {_wrong(name)} AS w_{name}" for name in known)
    joins = "".join(join for field, join in _JOINS if field in known)
    found = ", ".join(found if field in known else f"NULL::bigint AS {found.rpartition(' ')[2]}"
                      for field, found in _FOUND)  # fmt: skip
    return f"""
SELECT v.*, {_target(known)} AS target_id, {found}{"".join(f", {each}" for each in more)}
FROM (
    SELECT t.*, {values}
    FROM (SELECT id, line, {texts} FROM import_row WHERE {which} OFFSET 0) t OFFSET 0
) v{joins} OFFSET 0
"""


def named_twice(meaning: Meaning, which: str) -> str:
    """Return the SELECT of whether two of the rows `which` have the same username."""
    return f"""
SELECT EXISTS (
    SELECT FROM import_row WHERE {which} GROUP BY lower({_text(meaning.cell("username"))}) HAVING count(*) > 1
)
"""


def checked(meaning: Meaning, which: str, extra: Sequence[str] = ()) -> str:
    """Return the SELECT of rows `which` with target_id and problems (field, code and reason each), and `extra` columns.

    In `extra` r is the row as resolved() has it, t the patron who is meant, a that patron's HOME address, and k their
    card in use. $1 is the library.
    """
    known = meaning.known
    rules = ", ".join(
        f"CASE WHEN {rule.wrong} THEN '{rule.field}' || {SEPARATOR} || '{rule.code.value}'"
        f" || {SEPARATOR} || {rule.reason} END"
        for rule in _rules(meaning)
    )
    address = f" LEFT JOIN LATERAL ({HOME}) a ON true" if meaning.address else ""
    card = f" LEFT JOIN LATERAL ({CARD}) k ON true" if "barcode" in known else ""
    problems = f"array_remove(ARRAY[{rules}]::text[], NULL)"
    if "library" in known:  # what else is wrong with a row is its own library's to say
        reason = f"'is not ' || {_LIBRARY} || ', the library of this import; import the row there'"
        other = f"ARRAY[concat_ws({SEPARATOR}, 'library', '{RejectionCode.OTHER_LIBRARY.value}', {reason})]"
        problems = f"CASE WHEN {_is_elsewhere('r')} THEN {other} ELSE {problems} END"
    columns = ["r.id", "r.line", "r.target_id", f"{problems} AS problems", *extra]
    if meaning.may_create:
        rows = resolved(meaning, which)
        patron = " LEFT JOIN LATERAL (SELECT * FROM patron WHERE patron.id = r.target_id LIMIT 1) t ON true"
    else:  # the username alone says who is meant, so that one look finds the patron and what is asked of them
        rows = resolved(meaning, which, [f"pu.{name} AS patron_{name}" for name in _ASKED])
        patron = f" CROSS JOIN LATERAL (SELECT {', '.join(f'r.patron_{name} AS {name}' for name in _ASKED)}) t"
    return f"""
SELECT {", ".join(columns)}
FROM ({rows}) r{patron}{address}{card}
"""


# The patron's first HOME address, and the card they use.
HOME = """
SELECT home.id, home.street, home.postal_code, home.city, home.region, home.country
FROM address home WHERE home.patron_id = r.target_id AND home.kind = 'HOME' ORDER BY home.id LIMIT 1
"""
CARD = """
SELECT card.barcode FROM card WHERE card.patron_id = r.target_id AND card.active ORDER BY card.id DESC LIMIT 1
"""

# The library, its number kept from the planner: of one that is new it would expect no patrons, and then any index is as
# good to it as that of usernames.
_HERE = "(SELECT $1::bigint)"

# Each is one look into an index: LIMIT says so to the planner, which knows too little of lower(username) to believe it
# and would read all patrons for every chunk.
_JOINS = (
    ("external_id", " LEFT JOIN LATERAL (SELECT id FROM patron"
                    f" WHERE library_id = {_HERE} AND external_id = v.v_external_id LIMIT 1) pe ON true"),
    ("barcode", " LEFT JOIN LATERAL (SELECT card.patron_id, patron.id, patron.external_id"
                " FROM card JOIN patron ON patron.id = card.patron_id"
                f" WHERE card.library_id = {_HERE} AND card.barcode = v.v_barcode LIMIT 1) pc ON true"),
    ("username", " LEFT JOIN LATERAL (SELECT id, username, status, version FROM patron"
                 f" WHERE library_id = {_HERE} AND lower(username) = lower(v.v_username) LIMIT 1) pu ON true"),
    ("branch", " LEFT JOIN branch b ON b.library_id = $1 AND b.code = v.v_branch"),
    ("cohort", " LEFT JOIN cohort y ON y.library_id = $1 AND y.code = v.v_cohort"),
)  # fmt: skip
_FOUND = (
    ("barcode", "pc.patron_id AS card_owner"),
    ("username", "pu.id AS username_owner"),
    ("branch", "b.id AS branch_id"),
    ("cohort", "y.id AS cohort_id"),
)


_LIBRARY = "(SELECT code FROM library WHERE library.id = $1)"


def _is_elsewhere(row: str) -> str:
    """Return SQL for whether a row names another library than the one that its file is imported into."""
    return f"lower({row}.v_library) <> lower({_LIBRARY})"


def _target(known: Sequence[str]) -> str:
    """Return the patron who is meant: by the first of the three keys that the row has; nobody of another library.

    A patron with that card who has no external_id is meant too: how else should they get one.
    """
    tries = []
    if "library" in known:
        tries.append(f"WHEN {_is_elsewhere('v')} THEN NULL")
    if "external_id" in known:
        adopted = "CASE WHEN pc.external_id IS NULL THEN pc.id END" if "barcode" in known else "NULL"
        tries.append(f"WHEN v.v_external_id IS NOT NULL THEN coalesce(pe.id, {adopted})")
    if "barcode" in known:
        tries.append("WHEN v.v_barcode IS NOT NULL THEN pc.id")
    if "username" in known:
        tries.append("WHEN v.v_username IS NOT NULL THEN pu.id")
    return f"CASE {' '.join(tries)} END" if tries else "NULL::bigint"


def _text(cell: str) -> str:
    """Return a cell as the API would store it: NFC, trimmed; null when the row does not say it."""
    composed = f"CASE WHEN octet_length({cell}) = length({cell}) THEN {cell} ELSE normalize({cell}, NFC) END"
    return f"btrim({composed}, {_TRIMMED})"


def _value(name: str) -> str:
    kind = _KINDS[name].kind
    return f"nullif(t_{name}, '')" if kind is Kind.TEXT else value_sql(_KINDS[name], f"t_{name}")


def _wrong(name: str) -> str:
    """Return SQL that says what is wrong with a cell, or null."""
    column, text = _KINDS[name], f"t_{name}"
    if column.kind is not Kind.TEXT:
        said = _said(what_is_wrong(column), _UNREAD[column.kind])
        unread = f"WHEN {text} <> '' AND {value_sql(column, text)} IS NULL THEN {said}"
        return f"CASE {unread} {_day(name, value_sql(column, text))} END"
    controls = _CONTROLS_BUT_LINES if name == "notes" else _CONTROLS
    longest = _LONGEST.get(name, column.longest)
    rules = [
        f"WHEN {text} ~ '{controls}' THEN {_said('holds a character that cannot be shown', InputReason.NOT_PRINTABLE)}",
        f"WHEN length({text}) > {longest}"
        f" THEN {_said(f'is longer than {longest} characters', InputReason.TOO_LONG, longest)}",
    ]
    if name == "barcode":
        words = "is not a barcode, which has letters, digits and signs without accents, and no spaces"
        said = _said(words, InputReason.NOT_A_BARCODE)
        rules.append(f"WHEN {text} <> '' AND {text} !~ '^({BARCODE_PATTERN})$' THEN {said}")
    if name == "email":
        pattern = EMAIL_PATTERN.replace(r"\s", _BLANK_CLASS)
        words = "is not an e-mail address, which is written like anna@example.org"
        rules.append(f"WHEN {text} <> '' AND {text} !~ '^({pattern})$' THEN {_said(words, InputReason.NOT_AN_EMAIL)}")
    if name == "username":
        rules.insert(0, f"WHEN {text} !~ '[^!-~]' AND length({text}) <= {longest} THEN NULL")  # nearly all: one look
        said = _said("has a space; a username has none", InputReason.HAS_SPACE)
        rules.append(f"WHEN {text} ~ '[{_BLANK_CLASS}]' THEN {said}")
    return f"CASE {' '.join(rules)} END"


def _day(name: str, value: str) -> str:
    """Return the WHENs of a day that no patron can have."""
    year, this_year = _YEAR.format(f"({value})"), _YEAR.format("current_date")
    if name == "date_of_birth":
        old = _said(f"lies more than {OLDEST_YEARS} years back", InputReason.TOO_FAR, OLDEST_YEARS)
        return (
            f"WHEN ({value}) > current_date THEN {_said('lies in the future', InputReason.IN_FUTURE)}"
            f" WHEN {year} < {this_year} - {OLDEST_YEARS} THEN {old}"
        )
    if name == "expires_on":
        far = _said(f"lies more than {FURTHEST_YEARS} years away", InputReason.TOO_FAR, FURTHEST_YEARS)
        return f"WHEN abs({year} - {this_year}) > {FURTHEST_YEARS} THEN {far}"
    return ""


def _said(words: str, reason: InputReason, limit: int | None = None) -> str:
    """Return SQL of the last parts of a problem: the sentence, the reason, and the bound where there is one."""
    parts = [words.replace("'", "''"), reason.value, *([str(limit)] if limit is not None else [])]
    return f" || {SEPARATOR} || ".join(f"'{part}'" for part in parts)


@dataclass(frozen=True, slots=True)
class _Rule:
    """`wrong` is SQL that is true for a row that breaks the rule, `reason` SQL text, or all that _said() returns."""

    field: str
    code: RejectionCode
    wrong: str
    reason: str


def _rules(meaning: Meaning) -> list[_Rule]:
    """Return every rule for the rows of a file, the first broken one being what the row is rejected for."""
    known = meaning.known
    rules = [
        _Rule(name, RejectionCode.INVALID, f"r.w_{name} IS NOT NULL AND {_differs(name)}", f"r.w_{name}")
        for name in known
    ]
    rules += _who(meaning)
    if "username" in known:
        other = "r.username_owner IS NOT NULL AND r.username_owner IS DISTINCT FROM r.target_id"
        rules.append(_Rule("username", RejectionCode.TAKEN, other, "'is another patron''s; choose another'"))
    if "barcode" in known and meaning.may_create:
        other = "r.card_owner IS NOT NULL AND r.card_owner IS DISTINCT FROM r.target_id"
        rules.append(_Rule("barcode", RejectionCode.TAKEN, other, "'is another patron''s card; use another card'"))
    for name in ("branch", "cohort"):
        if name in known:
            unknown = f"r.v_{name} IS NOT NULL AND r.{name}_id IS NULL"
            reason = f"'is not the code of a {name} of this library'"
            rules.append(_Rule(name, RejectionCode.NOT_FOUND, unknown, reason))
    if "enabled" in known:
        rules += _enabled(meaning)
    return rules


def _who(meaning: Meaning) -> list[_Rule]:
    """Return the rules about who is meant, and whether there is enough to make a new patron of."""
    known = meaning.known
    keys = [name for name in ("external_id", "barcode", "username") if name in known]
    nobody = " AND ".join(f"r.v_{name} IS NULL" for name in keys) or "true"
    asked = "username" if not meaning.may_create else ""
    words = "is empty; it says whom the row is about" if asked else (
        "names nobody; give an external_id, a barcode or a username"
    )  # fmt: skip
    rules = [_Rule(asked, RejectionCode.REQUIRED, nobody, f"'{words}'")]
    if not meaning.may_create:
        unknown = f"r.target_id IS NULL AND NOT ({nobody}) AND r.w_username IS NULL"
        reason = "'is no patron''s of this library'"
        return [*rules, _Rule("username", RejectionCode.UNKNOWN_PATRON, unknown, reason)]
    lasting = " OR ".join(f"r.v_{name} IS NOT NULL" for name in keys if name != "username") or "false"
    reason = "'is no patron''s of this library, and a new patron needs a barcode or an external_id'"
    unknown = f"r.target_id IS NULL AND NOT ({nobody}) AND NOT ({lasting})"
    rules.append(_Rule("username", RejectionCode.UNKNOWN_PATRON, unknown, reason))
    first, last = (new_value(meaning, name) for name in ("first_name", "last_name"))
    said = " OR ".join(f"r.t_{name} IS NOT NULL" for name in ("first_name", "last_name") if name in known) or "false"
    unnamed = f"{first} = '' AND {last} = '' AND (r.target_id IS NULL OR {said})"
    about = "last_name" if "last_name" in known else ""
    rules.append(_Rule(about, RejectionCode.REQUIRED, unnamed, "'is empty; a patron needs a given or a family name'"))
    return rules


def _enabled(meaning: Meaning) -> list[_Rule]:
    waiting = _Rule(
        "enabled", RejectionCode.PENDING_PURGE, "r.v_enabled AND t.status = 'PENDING_PURGE'",
        "'is TRUE, but the patron waits for the purge; restore the patron first'",
    )  # fmt: skip
    if meaning.may_create:
        return [waiting]
    empty = _Rule("enabled", RejectionCode.REQUIRED, "r.t_enabled = ''", "'is empty; write TRUE or FALSE'")
    return [empty, waiting]


def _differs(name: str) -> str:
    """Return SQL for whether the row's value is not what the patron has already."""
    if name == "barcode":
        return "r.card_owner IS NULL"
    if name in ADDRESS:
        return f"r.t_{name} IS DISTINCT FROM a.{name}"
    if name in OWN_COLUMNS and _KINDS[name].kind is Kind.TEXT:
        return f"r.v_{name} IS DISTINCT FROM nullif(t.{name}, '')"
    if name in OWN_COLUMNS:
        return f"(r.v_{name} IS NULL OR r.v_{name} IS DISTINCT FROM t.{name})"
    return "true"


def column_of(name: str) -> Column:
    """Return what the layout says of a field."""
    return _KINDS[name]


def new_value(meaning: Meaning, name: str) -> str:
    """Return SQL of what a column of patron, or a part of the address (a_…), holds after the row is applied."""
    part = name in ADDRESS
    kept = f"a.{name}" if part and meaning.address else f"t.{name}" if not part else "NULL"
    nothing = "''" if part or name in NOT_NULL else "NULL"
    if name in NOT_NULL or part:
        kept = f"coalesce({kept}, '')"
    if name not in meaning.known:
        return kept
    said = f"coalesce(r.v_{name}, '')" if nothing == "''" else f"r.v_{name}"
    if name in ("external_id", "registered_at"):  # an empty cell takes neither away
        return f"coalesce(r.v_{name}, {kept})"
    left_out = nothing if meaning.whole and name in PERSON else kept
    return f"CASE WHEN r.t_{name} IS NULL THEN {left_out} ELSE {said} END"
