"""Makes up a snapshot of any size, the same for the same arguments, and the demonstration library out of it.

Beside the six names because the benchmarks and `patrongraph up` use it without the rest. Every value
follows from the number of its row, so memory stays flat. Patron n has the barcode 21000000000000 + n, item
n 31000000000000 + n. Patron 17 leads a family of four with loans and debts. Nobody in it exists.
"""

import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import cycle, islice
from math import gcd
from pathlib import Path

from patrongraph import db
from patrongraph.cohorts.actions import create as create_cohort
from patrongraph.context import system_actor
from patrongraph.imports import words
from patrongraph.imports.layout import BRANCHES, DEBTS, ITEMS, LOANS, PATRONS, RESERVATIONS, File
from patrongraph.imports.report import SnapshotReport
from patrongraph.imports.snapshot import OnProgress, import_snapshot
from patrongraph.libraries.actions import create as create_library

ANCHOR = date(2026, 11, 1)
PATRON_BARCODES = 21_000_000_000_000
ITEM_BARCODES = 31_000_000_000_000
FAMILY_LEAD = PATRON_BARCODES + 17
DEMONSTRATION = (("ELMWOOD", "Elmwood Public Library"), ("BJORKVIK", "Björkvik bibliotek"))

# Its schools, from the last cohort to the first: code, and what it is called in each library.
COHORTS = (
    ("GRADUATED", "Graduated", "Har slutat"),
    *((f"Y{year}", f"Year {year}", f"Årskurs {year}") for year in range(6, 0, -1)),
)

# The children of a library go to school: the older, the higher their cohort (ids $2, the lowest first).
FILL_COHORTS = """
UPDATE patron SET cohort_id = ($2::bigint[])[pupil.place]
FROM (
    SELECT id, ntile(cardinality($2::bigint[])) OVER (ORDER BY date_of_birth DESC NULLS FIRST, id) AS place
    FROM patron WHERE library_id = $1 AND category = 'CHILD'
) AS pupil
WHERE patron.id = pupil.id
RETURNING patron.id
"""

# Whether the demonstration is there.
COUNT_DEMONSTRATION = "SELECT count(*) FROM library WHERE lower(code) = lower($1)"

_ALONE = 16  # the first patrons of a library are in no group, so that patron 17 leads the first one
_FAMILY = range(_ALONE + 1, _ALONE + 5)
_SIZES = (4, 2, 3, 2, 3, 2, 4, 3)
_LOAN_WEIGHTS = (0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 14, 22, 36)
_OLDEST, _RECENT = 1_545, 45
_CLOCK = [f"{9 + s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(28_800)]
_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class _Patron:
    """One invented patron, with how many rows of each kind are about them."""

    number: int
    local: int
    bits: int
    inactive: bool
    barred: bool
    group: int
    lead: bool
    loans: int
    open_loans: int
    first_open: int
    reservations: int
    debts: int


class _Library:
    """One library's part of the totals, and its patrons in order."""

    def __init__(
        self, code: str, name: str, seed: int, *, totals: dict[str, int], shares: dict[str, float],
        starts: dict[str, int],
    ) -> None:  # fmt: skip
        self.code, self.name, self.seed = code, name, seed
        self.totals, self.shares, self.starts = totals, shares, starts
        size, groups = totals["patrons"], totals["groups"]
        self.alone = _ALONE if size - _ALONE >= 2 * groups else 0
        room = size - self.alone
        if room < 2 * groups:
            raise ValueError(f"{groups} groups need at least {2 * groups} patrons, not {size}")
        whole, rest = divmod(groups, len(_SIZES))
        fits = whole * sum(_SIZES) + sum(_SIZES[:rest]) <= room
        self.sizes: tuple[int, ...] = _SIZES if fits else (2,)
        self._sum_up()

    def _sum_up(self) -> None:
        """Add up the weights, so that the totals come out exactly."""
        self.weights = dict.fromkeys(("loans", "reservations", "debts"), 0)
        self.borrowed = 0
        for _, local, bits, inactive in self._base():
            for kind in self.weights:
                self.weights[kind] += self._weight(kind, local, bits, inactive)
        before = 0
        for _, local, bits, inactive in self._base():
            weight = self._weight("loans", local, bits, inactive)
            if self._borrows(local, bits, inactive):
                self.borrowed += self._part("loans", before, weight)
            before += weight
        wanted = round(self.totals["loans"] * self.shares["open_loans"])
        self.open_loans = min(wanted, self.borrowed, self.totals["items"])
        step = self.totals["items"] * 5 // 8 or 1
        while gcd(step, max(self.totals["items"], 1)) != 1:
            step += 1
        self.item_step = step

    def _base(self) -> Iterator[tuple[int, int, int, bool]]:
        share, first = self.shares["inactive"], self.starts["patrons"]
        family = self._family
        for local in range(1, self.totals["patrons"] + 1):
            turn = local - len(family) if local > family.stop else local
            inactive = local not in family and int(turn * share) > int((turn - 1) * share)
            yield first + local, local, _mix(self.seed, first + local), inactive

    @property
    def _family(self) -> range:
        return _FAMILY if self.alone and self.totals["groups"] else range(0)

    def _weight(self, kind: str, local: int, bits: int, inactive: bool) -> int:
        if local in self._family:
            return {"loans": 8, "reservations": 1, "debts": 2}[kind]
        if kind == "loans":
            return _LOAN_WEIGHTS[bits >> 20 & 15]
        if kind == "debts":
            return 1 + (bits >> 30) % 5 if (bits >> 36) % 100 < (8 if inactive else 32) else 0
        return 1 + (bits >> 40) % 3 if (bits >> 46) % 100 < (5 if inactive else 30) else 0

    def _borrows(self, local: int, bits: int, inactive: bool) -> bool:
        return local in self._family or (bits >> 8) % 100 < (10 if inactive else 60)

    def _part(self, kind: str, before: int, weight: int) -> int:
        total, weights = self.totals[kind], self.weights[kind]
        return (before + weight) * total // weights - before * total // weights if weights else 0

    def patrons(self) -> Iterator[_Patron]:
        """Yield the patrons in order; every pass is the same."""
        before = dict.fromkeys(self.weights, 0)
        borrowed = opened = 0
        barred, size = self.totals["barred"], self.totals["patrons"]
        groups = self._groups()
        for number, local, bits, inactive in self._base():
            counts = {}
            for kind in before:
                weight = self._weight(kind, local, bits, inactive)
                counts[kind] = self._part(kind, before[kind], weight)
                before[kind] += weight
            first_open, loans = opened, counts["loans"]
            if self.borrowed and self._borrows(local, bits, inactive):
                borrowed += loans
                opened = borrowed * self.open_loans // self.borrowed
            group, lead = next(groups) if local > self.alone else (0, False)
            yield _Patron(
                number, local, bits, inactive, local * barred // size > (local - 1) * barred // size, group,
                lead, loans, opened - first_open, first_open, counts["reservations"], counts["debts"],
            )  # fmt: skip

    def _groups(self) -> Iterator[tuple[int, bool]]:
        """Yield each grouped patron's group and whether they lead it; one group in eight has no lead."""
        sizes = islice(cycle(self.sizes), self.totals["groups"])
        for group, size in enumerate(sizes, self.starts["groups"] + 1):
            for place in range(size):
                yield group, place == 0 and group % 8 != 5
        while True:
            yield 0, False

    def open_item(self, opened: int) -> int:
        """Return the number of the item on the n-th open loan; each is another one."""
        return self.starts["items"] + 1 + opened * self.item_step % self.totals["items"]

    def on_loan(self) -> dict[int, bool]:
        """Return the items on open loans, by number, and whether the loan is lost."""
        return {self.open_item(opened): _is_lost(opened) for opened in range(self.open_loans)}


def _is_lost(opened: int) -> bool:
    return opened % 40 == 39


def _mix(seed: int, number: int) -> int:
    """Return 64 bits that follow from the numbers and look like chance (the finaliser of splitmix64)."""
    z = (number * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


def write_snapshot(
    folder: Path,
    *,
    libraries: int = 1,
    patrons: int = 300,
    groups: int = 60,
    items: int = 1_000,
    loans: int = 3_000,
    open_loans: float = 0.1,
    reservations: int = 150,
    debts: int = 400,
    barred: int = 10,
    inactive: float = 0.2,
    seed: int = 1,
    today: date = ANCHOR,
    names: Sequence[tuple[str, str]] = (),
) -> dict[str, int]:
    """Write branches.csv … debts.csv into the folder, made if need be, and return the rows of each file.

    Numbers are totals over all libraries; open_loans and inactive are shares of loans and of patrons.
    `names` gives the first libraries' codes and names. The same arguments write the same bytes. Raises
    ValueError when there are too few patrons for the groups, or no items for the loans.
    """
    totals = {
        "patrons": patrons, "groups": groups, "items": items, "loans": loans,
        "reservations": reservations, "debts": debts, "barred": barred,
    }  # fmt: skip
    if libraries < 1 or patrons < libraries or (items < libraries and (loans or reservations)):
        raise ValueError("a snapshot needs a library, and each library a patron and an item")
    made = []
    for place in range(libraries):
        code, name = names[place] if place < len(names) else _library_name(place)
        starts = {kind: total * place // libraries for kind, total in totals.items()}
        own = {kind: total * (place + 1) // libraries - starts[kind] for kind, total in totals.items()}
        shares = {"open_loans": open_loans, "inactive": inactive}
        made.append(_Library(code, name, seed, totals=own, shares=shares, starts=starts))
    folder.mkdir(parents=True, exist_ok=True)
    days = [(today - timedelta(days=_OLDEST + 5 - n)).isoformat() for n in range(_OLDEST + 120)]
    writers = {
        BRANCHES: (_branch_rows, BRANCHES.column_names),
        PATRONS: (_patron_rows, PATRONS.column_names),
        ITEMS: (_item_rows, ITEMS.column_names),
        LOANS: (_loan_rows, LOANS.column_names),
        RESERVATIONS: (_reservation_rows, RESERVATIONS.column_names),
        DEBTS: (_debt_rows, DEBTS.column_names),
    }
    return {
        file.name: _write(folder, file, columns, (row for library in made for row in rows(library, days)))
        for file, (rows, columns) in writers.items()
    }


def _write(folder: Path, file: File, columns: Iterable[str], rows: Iterator[str]) -> int:
    count = 0
    with (folder / file.file_name).open("w", encoding="utf-8", newline="\n") as target:
        target.write(",".join(columns) + "\n")
        while batch := list(islice(rows, 10_000)):
            target.write("\n".join(batch) + "\n")
            count += len(batch)
    return count


def _library_name(place: int) -> tuple[str, str]:
    return f"LIB{place + 1}", f"{words.LIBRARIES[place % len(words.LIBRARIES)]} Public Library {place + 1}"


def _branch(library: _Library, bits: int) -> str:
    return f"{library.code}-{words.BRANCHES[(bits >> 12) % len(words.BRANCHES)][0]}"


def _branch_rows(library: _Library, _: list[str]) -> Iterator[str]:
    yield f"{library.code},{library.code},{library.name},555-0100,info@example.org"
    for place, (code, name) in enumerate(words.BRANCHES, 101):
        yield f"{library.code},{library.code}-{code},{name},555-0{place},{code.lower()}@example.org"


@lru_cache(maxsize=4_096)
def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.lower().replace("ø", "o"))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalpha())


def _patron_rows(library: _Library, days: list[str]) -> Iterator[str]:
    year = int(days[-120][:4])
    for p in library.patrons():
        bits = p.bits
        # A family shares its name and address: they follow from the group, not from the patron.
        home = _mix(library.seed + 7, p.group) if p.group else bits
        first = words.FIRST_NAMES[(bits >> 3) % len(words.FIRST_NAMES)]
        middle = words.FIRST_NAMES[(bits >> 17) % len(words.FIRST_NAMES)] if bits % 4 == 0 else ""
        last = words.LAST_NAMES[(home >> 25) % len(words.LAST_NAMES)]
        category = "ADULT" if p.lead else words.CATEGORIES[(bits >> 33) % len(words.CATEGORIES)]
        age = 3 + (bits >> 41) % 14 if category == "CHILD" else 18 + (bits >> 41) % 70
        born = f"{year - age}-{1 + (bits >> 5) % 12:02d}-{1 + (bits >> 9) % 28:02d}" if bits % 10 else ""
        user = f"{_plain(first)}.{_plain(last)}{p.number}"
        email = f"{user}@example.org" if bits % 3 else ""
        phone = f"555-{(bits >> 21) % 900 + 100}-{(bits >> 13) % 10_000:04d}" if bits % 5 else ""
        street = f"{words.STREETS[(home >> 11) % len(words.STREETS)]} {1 + (home >> 29) % 120}"
        city = words.CITIES[(home >> 37) % len(words.CITIES)]
        expires = f"{year - 1 + (bits >> 45) % 4}-{1 + (bits >> 49) % 12:02d}-28" if not p.lead else f"{year + 2}-06-30"
        registered = f"{days[(bits >> 7) % 1_000]} {_CLOCK[p.number % 28_800]}+00"
        group = f"G{p.group:06d}" if p.group else ""
        yield (
            f"{library.code},P{p.number:07d},{PATRON_BARCODES + p.number},{user},{first},{middle},{last},{born},"
            f"{email},{phone},{street},{10_000 + (home >> 15) % 89_999},{city},,"
            f"{'Sweden' if home % 2 else 'UK'},{category},"
            f"{_branch(library, bits)},{registered},{expires},{'FALSE' if p.inactive else 'TRUE'},"
            f"{'TRUE' if p.barred else 'FALSE'},{group},{'TRUE' if p.lead else 'FALSE'}"
        )


def _item_rows(library: _Library, _: list[str]) -> Iterator[str]:
    lent = library.on_loan()
    first = library.starts["items"] + 1
    for number in range(first, first + library.totals["items"]):
        bits = _mix(library.seed + 1, number)
        author = words.LAST_NAMES[(bits >> 14) % len(words.LAST_NAMES)]
        title = (
            f"{words.TITLE_STARTS[bits % len(words.TITLE_STARTS)]} "
            f"{words.TITLE_ENDS[(bits >> 8) % len(words.TITLE_ENDS)]}"
        )
        status = ("LOST" if lent[number] else "ON_LOAN") if number in lent else "AVAILABLE"
        yield (
            f"{library.code},{_branch(library, bits)},{ITEM_BARCODES + number},{title},"
            f'"{author}, {words.FIRST_NAMES[(bits >> 24) % len(words.FIRST_NAMES)]}",'
            f"{(bits >> 32) % 1000:03d}.{bits % 10} {author[:3].upper()},"
            f"{words.MATERIALS[(bits >> 40) % len(words.MATERIALS)]},"
            f"{words.AMOUNTS[(bits >> 44) % 10]},{status}"
        )


def _loan_item(library: _Library, p: _Patron, turn: int) -> tuple[int, int]:
    """Return the item and the bits of a patron's finished loan; one item in twenty is another library's."""
    bits = _mix(p.bits, turn + 1)
    own, first = library.totals["items"], library.starts["items"]
    if first and bits % 20 == 0:
        return 1 + (bits >> 8) % first, bits
    return first + 1 + (bits >> 8) % own, bits


def _loan_day(p: _Patron, turn: int) -> int:
    return 5 + (_OLDEST - _RECENT) * turn // p.loans


def _loan_rows(library: _Library, days: list[str]) -> Iterator[str]:
    today = _OLDEST + 5
    code = library.code
    for p in library.patrons():
        if not p.loans:
            continue
        start = f"{code},{PATRON_BARCODES + p.number},"
        end = f",FALSE,{_branch(library, p.bits)}"
        finished = p.loans - p.open_loans
        for turn in range(finished):
            item, bits = _loan_item(library, p, turn)
            day, clock = _loan_day(p, turn), _CLOCK[turn * 37 % 28_800]
            back = day + 1 + (bits >> 50) % 35
            yield (
                f"{start}{ITEM_BARCODES + item},{days[day]} {clock}+00,{days[day + 28]} 23:59:59+00,"
                f"{days[back]} {clock}+00,{bits >> 60 & 1}{end}"
            )
        for turn in range(p.open_loans):
            opened = p.first_open + turn
            bits = _mix(p.bits, -1 - turn)
            day = today - 1 - bits % 40
            lost = "TRUE" if _is_lost(opened) else "FALSE"
            yield (
                f"{start}{ITEM_BARCODES + library.open_item(opened)},"
                f"{days[day]} {_CLOCK[turn * 37 % 28_800]}+00,"
                f"{days[day + 28]} 23:59:59+00,,{bits >> 60 & 3},{lost},{_branch(library, p.bits)}"
            )


def _reservation_rows(library: _Library, days: list[str]) -> Iterator[str]:
    today = _OLDEST + 5
    for p in library.patrons():
        for turn in range(p.reservations):
            bits = _mix(p.bits + 1, turn)
            item = library.starts["items"] + 1 + (bits >> 8) % library.totals["items"]
            # Three in five are open; an inactive patron's past ones are over.
            over = bits % 5 > 2 and not (p.inactive and bits % 2)
            day = today - 2 - (bits >> 40) % (900 if over else 60) - (40 if over else 0)
            ended = f"{days[day + 20]} 10:00:00+00" if over else ""
            ends = (ended, "") if bits >> 55 & 3 == 0 else ("", ended)
            yield (
                f"{library.code},{PATRON_BARCODES + p.number},{ITEM_BARCODES + item},"
                f"{days[day]} {_CLOCK[turn * 37 % 28_800]}+00,{_branch(library, bits)},"
                f"{'TRUE' if bits >> 50 & 15 == 0 and not over else 'FALSE'},{ends[0]},{ends[1]}"
            )


def _debt_rows(library: _Library, days: list[str]) -> Iterator[str]:
    number = library.starts["debts"]
    for p in library.patrons():
        for turn in range(p.debts):
            number += 1
            bits = _mix(p.bits + 2, turn)
            reason = words.REASONS[(bits >> 4) % len(words.REASONS)]
            amount = words.AMOUNTS[(bits >> 10) % len(words.AMOUNTS)]
            day, item = 5 + (bits >> 20) % (_OLDEST - _RECENT), ""
            if turn < p.loans - p.open_loans and reason in {"OVERDUE", "LOST_ITEM", "DAMAGED_ITEM"}:
                day, item = _loan_day(p, turn) + 40, str(ITEM_BARCODES + _loan_item(library, p, turn)[0])
            share = bits % 10
            paid = amount if share < 4 else "" if share > 5 else str((Decimal(amount) / 2).quantize(Decimal("0.01")))
            yield (
                f"{library.code},D{number:08d},{PATRON_BARCODES + p.number},{item},{days[day]} 12:00:00+00,"
                f"{amount},{paid},{reason},"
            )


async def load_demonstration(*, progress: OnProgress | None = None) -> SnapshotReport | None:
    """Import two invented libraries of 300 patrons each, with a school; None, and no change, when they are there.

    Dates count back from today. The first library's debts block from 10.00 on; patron 21000000000017 leads
    a family.
    """
    taken = await db.value(COUNT_DEMONSTRATION, DEMONSTRATION[0][0])
    if taken:
        return None
    with tempfile.TemporaryDirectory(prefix="patrongraph-demo-") as folder:
        write_snapshot(
            Path(folder), libraries=2, patrons=600, groups=100, items=2_400, loans=6_000, open_loans=0.08,
            reservations=240, debts=500, barred=12, today=datetime.now(UTC).date(), names=DEMONSTRATION,
        )  # fmt: skip
        async with db.transaction():
            elmwood = await create_library(*DEMONSTRATION[0], currency="EUR", block_level=Decimal(10))
            bjorkvik = await create_library(*DEMONSTRATION[1], locale="sv", currency="SEK", block_level=Decimal(100))
            report = await import_snapshot(Path(folder), progress=progress)
            await _go_to_school(elmwood, [(code, name) for code, name, _ in COHORTS])
            await _go_to_school(bjorkvik, [(code, name) for code, _, name in COHORTS])
            return report


async def _go_to_school(library_id: int, chain: Sequence[tuple[str, str]]) -> None:
    """Make cohorts of these codes and names, the graduated one first, and put the children into the others."""
    actor, made = system_actor(library_id), list[int]()
    for code, name in chain:
        following = made[-1] if made else None
        made.append(await create_cohort(actor, code=code, name=name, next_id=following, graduated=not made))
    await db.rows(FILL_COHORTS, library_id, made[:0:-1])
