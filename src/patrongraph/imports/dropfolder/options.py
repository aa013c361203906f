"""`_options.json` beside dropped files: how they are imported. Every mistake is told at once, with what is right."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from patrongraph import db
from patrongraph.imports.runs import DEFAULT_SHARE, Missing

NAME = "_options.json"
MAX_BYTES = 65_536

# The branch and the cohort of these codes; null where the library has none.
SCOPE = """
SELECT (SELECT id FROM branch WHERE library_id = $1 AND code = $2) AS branch_id,
       (SELECT id FROM cohort WHERE library_id = $1 AND code = $3) AS cohort_id
"""


class BadOptions(ValueError):  # noqa: N818 - it says what they are
    """The options cannot be used; the text says what is wrong, where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the files of one format are imported; `deactivate_missing` None leaves it to the file."""

    deactivate_missing: bool | None = None
    maximum_share: float = DEFAULT_SHARE
    category: str | None = None
    branch: str | None = None
    cohort: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    dry_run: bool = False

    async def missing(self, library_id: int) -> Missing | None:
        """Return what is to become of patrons who are not in the file. Raises BadOptions for unknown codes."""
        if self.deactivate_missing is None:
            return None
        found = await db.row(SCOPE, library_id, self.branch, self.cohort)
        ids = {} if found is None else dict(found)
        for name in ("branch", "cohort"):
            if getattr(self, name) is not None and ids[f"{name}_id"] is None:
                raise BadOptions(f"{NAME}: {name} is not the code of a {name} of this library.")
        return Missing(self.deactivate_missing, self.category, **ids, maximum_share=self.maximum_share)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and db.storable(value)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


_KNOWN: dict[str, tuple[str, Callable[[Any], bool], str]] = {
    "deactivateMissing": ("deactivate_missing", lambda value: isinstance(value, bool), "true or false"),
    "maximumShare": ("maximum_share", _is_share, "a number from 0 to 1, like 0.2"),
    "category": ("category", _is_text, 'a category\'s name, like "Pupil"'),
    "branch": ("branch", _is_text, 'a branch\'s code, like "MAIN"'),
    "cohort": ("cohort", _is_text, 'a cohort\'s code, like "Y9"'),
    "columns": ("columns", _is_mapping, 'an object from columns of the file to fields, like {"Förnamn": "first_name"}'),
    "dryRun": ("dry_run", lambda value: isinstance(value, bool), "true or false"),
}
_NARROWING = ("maximumShare", "category", "branch", "cohort")


def parse(text: bytes) -> Options:
    """Return the options of a file's text. Raises BadOptions."""
    if len(text) > MAX_BYTES:
        raise BadOptions(f"{NAME} is larger than {MAX_BYTES} bytes.")
    try:
        given = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise BadOptions(f"{NAME} is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    if not isinstance(given, dict):
        raise BadOptions(f'{NAME} must be a JSON object, like {{"deactivateMissing": true}}.')
    wrong = [f"it knows no {name}, only {', '.join(_KNOWN)}" for name in given if name not in _KNOWN]
    wrong += [f"{name} must be {right}" for name, (_, fits, right) in _KNOWN.items() if name in given
              and not fits(given[name])]  # fmt: skip
    narrowing = [name for name in _NARROWING if name in given]
    if narrowing and given.get("deactivateMissing") is not True:
        wrong.append(f"{' and '.join(narrowing)} go with deactivateMissing: true only")
    if wrong:
        raise BadOptions(f"{NAME}: {'; '.join(wrong)}.")
    return Options(**{_KNOWN[name][0]: value for name, value in given.items()})
