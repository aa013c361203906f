"""Each invariant is reported when what it says is made untrue, in a database where a purge has ended well."""

from collections.abc import Callable

import asyncpg
from tests.torture import checker
from tests.torture.conftest import told
from tests.torture.controls import works
from tests.torture.crashes import Crashes, Room, Story
from tests.torture.disk import Disk
from tests.torture.invariants import INVARIANTS

ALIVE = "(SELECT min(patron_id) FROM job_item WHERE state = 'SKIPPED')"
GONE = "(SELECT min(patron_id) FROM tombstone)"
ONE_DONE = "id = (SELECT min(id) FROM job_item WHERE state = 'DONE')"
AGAIN = "job_id, library_id, at, actor_kind, actor_id, action, detail"
CHUNKS_AGAIN = f"INSERT INTO audit_event ({AGAIN}) SELECT {AGAIN} FROM audit_event WHERE action = 'purge.chunk'"
NOTE = f"INSERT INTO witness.act (patron_id, verb, item_id, ok) SELECT {GONE}"

WRONG = {
    "wholly_gone": f"SET LOCAL session_replication_role = replica; DELETE FROM patron WHERE id = {ALIVE}",
    "wholly_there": f"DELETE FROM card WHERE patron_id = {ALIVE}",
    "unharmed": f"UPDATE address SET street = 'elsewhere' WHERE patron_id = {ALIVE}",
    "one_tombstone": f"DELETE FROM tombstone WHERE patron_id = {GONE}",
    "tombstone_rows": f"UPDATE tombstone SET rows = rows || '{{\"loan\": 99}}' WHERE patron_id = {GONE}",
    "statistics_once": "DELETE FROM loan_statistic WHERE id = (SELECT id FROM loan_statistic LIMIT 1)",
    "statistics_desk": f"{NOTE}, verb, (SELECT max(id) FROM item), true FROM (VALUES ('LEND'), ('RETURN')) AS v(verb)",
    "ledger": "UPDATE ledger_entry SET outstanding = outstanding + 1 WHERE kind = 'CHARGE'",
    "ledger_orphans": "UPDATE ledger_entry SET charge_id = NULL WHERE kind = 'PAYMENT'",
    "promise_loan": f"{NOTE}, 'LEND', (SELECT max(id) FROM item), true",
    "promise_reservation": f"{NOTE}, 'RESERVE', (SELECT max(id) FROM item), true",
    "promise_debt": f"{NOTE}, 'CHARGE', 1, true",
    "promise_protected": f"{NOTE}, 'PROTECT', NULL, true",
    "items_on_loan": "UPDATE item SET status = 'AVAILABLE' WHERE status = 'ON_LOAN'",
    "jobs_final": "UPDATE job SET state = 'FAILED' WHERE kind = 'PURGE'",
    "jobs_asked": "UPDATE witness.job SET asked = asked + 1",
    "items_settled": f"UPDATE job_item SET attempts = 2 WHERE {ONE_DONE}",
    "issues_told": "UPDATE job SET state = 'SUCCEEDED' WHERE kind = 'PURGE'",
    "promise_deleted": f"UPDATE tombstone SET job_id = NULL WHERE patron_id = {GONE}",
    "done_is_certified": f"UPDATE tombstone SET job_id = NULL WHERE patron_id = {GONE}",
    "certificates": "UPDATE job_erasure SET statistics = statistics + 1",
    "certificate_rows": "UPDATE job_erasure SET rows = rows || '{\"loan\": 1}'",
    "already_gone": f"UPDATE job_item SET codes = '{{ALREADY_GONE}}' WHERE {ONE_DONE}",
    "skipped_is_there": f"UPDATE job_item SET state = 'SKIPPED', codes = '{{DEBTS}}' WHERE {ONE_DONE}",
    "reasons_were_true": "UPDATE job_item SET codes = '{CREDIT_BALANCE}' WHERE codes = '{OPEN_LOANS}'",
    "audit_chunks": CHUNKS_AGAIN,
    "audit_statistics": CHUNKS_AGAIN,
    "audit_ends": f"INSERT INTO audit_event ({AGAIN}) SELECT {AGAIN} FROM audit_event WHERE action = 'job.finish'",
    "groups_have_members": "INSERT INTO patron_group (library_id) SELECT min(id) FROM library",
    "one_group_each": (
        "ALTER TABLE group_membership DROP CONSTRAINT group_membership_patron_id_key;"
        " INSERT INTO group_membership (library_id, group_id, patron_id, lead)"
        " SELECT library_id, group_id, patron_id, false FROM group_membership LIMIT 1"
    ),
    "persons_have_accounts": "INSERT INTO person DEFAULT VALUES",
    "exports_ended": "UPDATE data_export SET state = 'RUNNING'",
    "export_keys": "UPDATE data_export SET state = 'READY'",
    "leases_let_go": "UPDATE job SET lease_owner = 'somebody' WHERE kind = 'PURGE'",
    "bystander": "UPDATE item SET title = 'Another' WHERE library_id = (SELECT max(id) FROM library)",
}


def test_no_invariant_is_left_out() -> None:
    assert {invariant.name for invariant in INVARIANTS} <= WRONG.keys()


async def test_what_is_made_untrue_is_reported(crashes: Crashes, purge: Story) -> None:
    silent: list[str] = []

    async def scene(room: Room) -> None:
        await works(room, purge, "sound")
        connection = await room.connect()
        try:
            silent.extend([name for name in WRONG if name not in await reported(connection, WRONG[name])])
        finally:
            await connection.close()

    _, _, broken = await crashes.play(purge, scene=scene)
    assert silent == []
    assert broken == []  # all of it was rolled back


async def reported(connection: "asyncpg.Connection[asyncpg.Record]", made_untrue: str) -> set[str]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(made_untrue)
        return {broken.name for broken in await checker.check(connection)}
    finally:
        await transaction.rollback()


NOBODYS = f"exports/export-6-{32 * '0'}.sealed"


def leave(disk: Disk, name: str) -> None:
    (disk.folder / name).touch()


def rewrite(disk: Disk, old: bytes, new: bytes) -> None:
    file = disk.folder / "tombstones.ndjson"
    file.write_bytes(file.read_bytes().replace(old, new, 1))


def cut_off(disk: Disk) -> None:
    file = disk.folder / "tombstones.ndjson"
    file.write_bytes(file.read_bytes()[:-9] + b"\n")


FILES: dict[str, tuple[Callable[[Disk], None], list[str]]] = {
    "a file that nobody knows": (lambda disk: leave(disk, NOBODYS), ["files_known"]),
    "an unfinished file": (lambda disk: leave(disk, f"{NOBODYS}.part"), ["files_known"]),
    "a tombstone with another job": (
        lambda disk: rewrite(disk, b'"job":', b'"job":9'),
        ["tombstones_copied", "tombstones_true"],
    ),
    "a line cut off and not repeated": (cut_off, ["tombstones_read", "tombstones_copied"]),
    "a line cut off and repeated": (lambda disk: rewrite(disk, b'{"library":', b'{"library":\n{"library":'), []),
}


async def test_what_is_wrong_on_the_disk_is_reported(crashes: Crashes, purge: Story) -> None:
    names: dict[str, list[str]] = {}

    async def scene(room: Room) -> None:
        await works(room, purge, "sound")
        disk = Disk.of(room.settings)
        kept = (disk.folder / "tombstones.ndjson").read_bytes()
        connection = await room.connect()
        try:
            for made_untrue, (change, _) in FILES.items():
                change(disk)
                names[made_untrue] = [broken.name for broken in await checker.check(connection, disk)]
                (disk.folder / "tombstones.ndjson").write_bytes(kept)
                for file in disk.exports().values():
                    file.unlink()
        finally:
            await connection.close()

    await crashes.play(purge, scene=scene)
    assert names == {made_untrue: expected for made_untrue, (_, expected) in FILES.items()}


async def test_a_file_that_its_row_does_not_open_is_reported(crashes: Crashes) -> None:
    story = await told(crashes, "export of one patron")
    names: list[list[str]] = []

    async def scene(room: Room) -> None:
        await works(room, story, "sound")
        disk = Disk.of(room.settings)
        [file] = disk.exports().values()
        whole = file.read_bytes()
        connection = await room.connect()
        try:
            for data in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1], b"", whole):
                file.write_bytes(data)
                names.append([broken.name for broken in await checker.check(connection, disk)])
        finally:
            await connection.close()

    await crashes.play(story, scene=scene)
    assert names == [["files_whole"], ["files_whole"], ["files_whole"], []]
