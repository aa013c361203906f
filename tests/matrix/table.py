"""The counts of the matrix: how many cells of which kind were looked at; `make matrix` prints them."""

from collections import Counter

COLUMNS = (
    "own", "other library", "without permission", "anonymous", "patron",
)  # fmt: skip

_cells: Counter[tuple[str, str]] = Counter()
_things: dict[str, set[str]] = {}


def looked_at(kind: str, thing: object, *columns: str) -> None:
    """Count cells of a thing, such as Query.patrons, in the row of its kind."""
    _things.setdefault(kind, set()).add(str(thing))
    for column in columns:
        assert column in COLUMNS, column
        _cells[kind, column] += 1


def lines() -> list[str]:
    """Return the table, in Markdown, ready for docs/security.md."""
    found = [f"| what | how many | {' | '.join(COLUMNS)} |", f"|---|{'---|' * (1 + len(COLUMNS))}"]
    for kind, things in _things.items():
        cells = " | ".join(str(_cells[kind, column] or "") for column in COLUMNS)
        found.append(f"| {kind} | {len(things)} | {cells} |")
    return [*found, f"{sum(_cells.values())} cells"] if _things else []
