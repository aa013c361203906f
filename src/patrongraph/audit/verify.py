"""Follows each library's chain from its first seal; a name of its own because it judges what queries only read."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import asyncpg

from patrongraph.audit import chain, queries
from patrongraph.audit.chain import Keyring

MOST_FINDINGS = 1_000
"""Findings told one by one; any further ones are counted."""

LATE_MINUTES = 15

_MOST_CANDIDATES = 8


class Kind(StrEnum):
    """What can be wrong with a chain."""

    EVENT_CHANGED = "EVENT_CHANGED"
    EVENT_MISSING = "EVENT_MISSING"
    SEAL_CHANGED = "SEAL_CHANGED"
    SEAL_MISSING = "SEAL_MISSING"
    KEY_UNKNOWN = "KEY_UNKNOWN"
    NOT_SEALED = "NOT_SEALED"
    HEAD_MISSING = "HEAD_MISSING"
    HEAD_CHANGED = "HEAD_CHANGED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where in the chain, about which event if one is known, and in words."""

    kind: Kind
    words: str
    sequence: int | None = None
    event_id: int | None = None


@dataclass(slots=True)
class Report:
    """What was found in one library's chain; `sealed` is the number of seals read."""

    library: str
    sealed: int = 0
    unsealed: int = 0
    sequence: int = 0
    hash: bytes = chain.FIRST
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.counts

    def add(self, kind: Kind, words: str, sequence: int | None = None, event_id: int | None = None) -> None:
        """Count a finding, and keep it when there are not too many."""
        self.counts[kind] += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind, words, sequence, event_id))


class Follower:
    """Takes one library's seals in order, each with its event, and writes down what is wrong."""

    def __init__(self, library_id: int, keys: Keyring, heads: Mapping[int, bytes], report: Report) -> None:
        self._library_id = library_id
        self._keys = keys
        self._heads = dict(heads)
        self._report = report
        self._compare_head(0, chain.FIRST)
        # What the next seal may be linked to. Empty after a gap: nothing can tell then. Several after a seal with a
        # wrong hash: what stands there, and what should; so its successor is not blamed for it.
        self._previous: tuple[bytes, ...] = (chain.FIRST,)

    def take(self, row: asyncpg.Record) -> None:
        """Judge one seal, a row of queries.links()."""
        report, sequence = self._report, row["sequence"]
        if sequence != report.sequence + 1:
            first, last = report.sequence + 1, sequence - 1
            places = str(first) if first == last else f"{first} to {last}"
            report.add(Kind.SEAL_MISSING, f"no seal at {places}", first)
            self._previous = ()
        report.sealed, report.sequence, report.hash = report.sealed + 1, sequence, bytes(row["hash"])
        self._compare_head(sequence, report.hash)
        self._previous = self._judge(row)

    def end(self) -> None:
        """Say which of the heads were not met."""
        for sequence in sorted(self._heads):
            words = f"the chain has no seal {sequence}, whose hash was kept: it was cut off or has a gap there"
            self._report.add(Kind.HEAD_MISSING, words, sequence)

    def _compare_head(self, sequence: int, found: bytes) -> None:
        kept = self._heads.pop(sequence, found)
        if kept != found:
            self._report.add(Kind.HEAD_CHANGED, "the hash that was kept is another: the chain was made anew", sequence)

    def _judge(self, row: asyncpg.Record) -> tuple[bytes, ...]:
        """Judge seal and event, and return what the next seal may be linked to."""
        sequence, event_id, found = row["sequence"], row["event_id"], bytes(row["hash"])
        gone = row["id"] is None
        if gone:
            self._report.add(Kind.EVENT_MISSING, "the event was deleted", sequence, event_id)
        key = self._keys.known.get(row["key_id"])
        if key is None:
            words = f"sealed with the key {row['key_id']}, which is neither the present nor an earlier one"
            self._report.add(Kind.KEY_UNKNOWN, words, sequence, event_id)
            return (found,)

        place = chain.place(self._library_id, sequence, row["sealed_at"])

        def linked(digest: bytes) -> list[bytes]:
            return [chain.link(key, place, previous, digest) for previous in self._previous]

        sealed = bytes(row["digest"])
        present = sealed if gone else chain.digest(key, row)
        made, remade = linked(sealed), [] if present == sealed else linked(present)
        if found in remade:
            self._report.add(Kind.SEAL_CHANGED, "the seal's digest was changed", sequence, event_id)
            return (found,)
        if present != sealed:
            self._report.add(Kind.EVENT_CHANGED, "the event is not what was sealed", sequence, event_id)
        if made and found not in made:
            words = "the seal was changed, moved, or put in: it does not follow the one before"
            self._report.add(Kind.SEAL_CHANGED, words, sequence, event_id)
            return (found, *made, *remade)[:_MOST_CANDIDATES]
        return (found,)


async def follow(
    library: asyncpg.Record,
    keys: Keyring,
    *,
    heads: Mapping[int, bytes] | None = None,
    late_minutes: int = LATE_MINUTES,
    progress: Callable[[int], None] = lambda _seals: None,
) -> Report:
    """Verify one library (`id` and `code` of a row of queries.chains()) page by page, in memory of one page.

    `heads` are hashes by sequence number that were kept elsewhere; `progress` is told the seals read so far. Events
    that have waited for a seal longer than `late_minutes` are reported too.
    """
    report = Report(library["code"])
    follower = Follower(library["id"], keys, heads or {}, report)
    while page := await queries.links(library["id"], report.sequence):
        for row in page:
            follower.take(row)
        progress(report.sealed)
    follower.end()
    waiting = await queries.late(library["id"], late_minutes)
    report.unsealed = waiting["unsealed"]
    if waiting["late"]:
        words = f"{waiting['late']} events have waited for a seal for more than {late_minutes} minutes"
        report.add(Kind.NOT_SEALED, words, event_id=waiting["first"])
    return report
