"""Every reason for a refusal, and every note about a file, is said, documented, and has words in the console."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from patrongraph.imports.models import FileReason, ImportNoteCode
from patrongraph.problems import InputReason

ROOT = Path(__file__).parents[2]
SOURCES = "".join(path.read_text() for path in sorted((ROOT / "src/patrongraph").rglob("*.py")))


@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [
        (InputReason, "docs/graphql.md", "console/src/words/reasons.ts"),
        (FileReason, "docs/importing.md", "console/src/imports/words.ts"),
        (ImportNoteCode, "docs/importing.md", "console/src/imports/notes.ts"),
    ],
)
def test_every_reason_is_said_and_explained(kind: type[StrEnum], document: str, words: str) -> None:
    used = set(re.findall(rf"{kind.__name__}\.([A-Z_]+)", SOURCES))
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / document).read_text()))
    worded = set(re.findall(r"^  ([A-Z_]+): ", (ROOT / words).read_text(), re.MULTILINE))
    names = {each.value for each in kind}
    assert used == names
    # UNREADABLE is of the snapshot, which only the command line imports.
    assert names - documented <= {"UNREADABLE"}
    assert names <= worded
