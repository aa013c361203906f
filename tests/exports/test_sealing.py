"""A file at rest cannot be read without its row, and whatever is done to it is found before it is sent."""

import struct
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.clients import Api
from tests.exported import add_export, content_of
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.exports import keys
from patrongraph.exports.actions import create_link
from patrongraph.exports.sealing import HEADER_BYTES, SEALED_BYTES, SEGMENT_BYTES
from patrongraph.settings import Settings
from patrongraph.staff.identify import identify

# Three segments and a bit; no two alike.
CONTENT = b"".join(b"%015d\n" % number for number in range(3 * SEGMENT_BYTES // 16)) + b"the end\n"
EXPORT = "SELECT path, key_id, sealed_key, downloads FROM data_export WHERE id = $1"
DAMAGE = "SELECT actor_kind, subject_kind, subject_id, detail FROM audit_event WHERE action = 'export.damaged'"


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token()


@pytest.fixture
async def actor(token: str) -> Actor:
    return await identify(session_token=None, authorization=f"Bearer {token}")


async def file_of(settings: Settings, export: int) -> Path:
    return settings.exports_dir / await db.value("SELECT path FROM data_export WHERE id = $1", export)


async def fetch(api: Api, token: str, actor: Actor, export: int) -> tuple[int, bytes, bool]:
    """Fetch an export by a new link: status, what came, and whether the answer was whole."""
    link = await create_link(actor, export)
    return await follow(api, token, link.token)


async def follow(api: Api, token: str, link: str) -> tuple[int, bytes, bool]:
    got = b""
    async with api.client() as client, client.stream("GET", f"/exports/{link}", headers=api.headers(token)) as answer:
        try:
            async for piece in answer.aiter_bytes():
                got += piece
        except httpx.RemoteProtocolError:
            return answer.status_code, got, False
    return answer.status_code, got, True


@pytest.mark.parametrize("size", [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, len(CONTENT)])
async def test_the_file_is_as_described_and_opens_with_the_rows_key_only(town: Town, settings: Settings, size) -> None:
    content = CONTENT[:size]
    export = await add_export(town.id, content)
    row = await db.row(EXPORT, export)
    data = (await file_of(settings, export)).read_bytes()
    assert await content_of(row["path"]) == content
    # What docs/exports.md says, done by hand.
    header, rest = data[:HEADER_BYTES], data[HEADER_BYTES:]
    assert struct.unpack(">8sB3xIq", header) == (b"PGEXPORT", 1, SEGMENT_BYTES, export)
    cipher = AESGCM(keys.unwrap(export, row["key_id"], row["sealed_key"]))
    segments = [rest[at : at + SEALED_BYTES] for at in range(0, len(rest), SEALED_BYTES)]
    assert len(segments) == max(1, -(-size // SEGMENT_BYTES))
    plain = b""
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        plain += cipher.decrypt(number.to_bytes(11, "big") + bytes([last]), segment, header)
    assert plain == content
    assert size < 100 or content[:100] not in data


async def test_no_two_files_are_alike(town: Town, settings: Settings) -> None:
    one, two = [(await file_of(settings, await add_export(town.id, b"the same"))).read_bytes() for _ in range(2)]
    assert one[HEADER_BYTES:] != two[HEADER_BYTES:]


def flip(at: int):
    def change(data: bytes) -> bytes:
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    return change


SECOND, THIRD, FOURTH = (HEADER_BYTES + number * SEALED_BYTES for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        (flip(SECOND + 5), 1),
        (flip(-1), 3),
        (lambda data: data[:FOURTH], 2),  # cut off between segments: the third does not say it is the last
        (lambda data: data[:-1], 3),
        (lambda data: data + b"\0", 3),
        (lambda data: data + data[THIRD:FOURTH], 3),
        (lambda data: data[:SECOND] + data[THIRD:FOURTH] + data[SECOND:THIRD] + data[FOURTH:], 1),
        (lambda data: data[:SECOND] + data[THIRD:], 1),
    ],
    ids=["flipped", "flipped at the end", "cut", "cut in a segment", "longer", "repeated", "swapped", "left out"],
)
async def test_a_changed_file_breaks_off_before_the_bad_segment(
    api: Api, town: Town, token: str, actor: Actor, settings: Settings, api_log: Path, change, sent: int
) -> None:
    export = await add_export(town.id, CONTENT)
    file = await file_of(settings, export)
    file.write_bytes(change(file.read_bytes()))
    logged = api_log.stat().st_size
    link = await create_link(actor, export)
    assert await follow(api, token, link.token) == (200, CONTENT[: sent * SEGMENT_BYTES], False)
    told = await db.row(DAMAGE)
    assert tuple(told) == ("TOKEN", "export", export, f'{{"segment": {sent}}}')
    said = api_log.read_bytes()[logged:].decode()
    assert f"export {export}: segment {sent} of the export file does not open" in said
    assert "Traceback" not in said
    # The link's use stands.
    assert (await follow(api, token, link.token))[0] == 410
    assert (await db.row(EXPORT, export))["downloads"] == 1


@pytest.mark.parametrize("change", [flip(HEADER_BYTES), flip(0), flip(12), lambda data: data[:10], lambda data: b""])
async def test_damage_at_the_beginning_is_told_in_words(
    api: Api, town: Town, token: str, actor: Actor, settings: Settings, change
) -> None:
    export = await add_export(town.id, CONTENT)
    file = await file_of(settings, export)
    file.write_bytes(change(file.read_bytes()))
    status, said, _ = await fetch(api, token, actor, export)
    assert (status, b"EXPORT_UNREADABLE" in said, b"Ask for a new one" in said) == (410, True, True)
    assert (await db.row(DAMAGE))["detail"] == '{"segment": 0}'
    assert await db.value("SELECT count(*) FROM download_link WHERE used_at IS NOT NULL") == 1


async def test_another_exports_file_or_key_does_not_open(
    api: Api, town: Town, token: str, actor: Actor, settings: Settings, api_log: Path
) -> None:
    mine, other = await add_export(town.id, CONTENT), await add_export(town.id, CONTENT[::-1])
    (await file_of(settings, other)).replace(await file_of(settings, mine))
    assert (await fetch(api, token, actor, mine))[0] == 410
    # Nor with the other's key put into this row.
    move = "UPDATE data_export m SET sealed_key = o.sealed_key FROM data_export o WHERE m.id = $1 AND o.id = $2"
    await db.rows(f"{move} RETURNING m.id", mine, other)
    link = await create_link(actor, mine)
    async with nothing_changes():
        status, said, _ = await follow(api, token, link.token)
        assert (status, b"EXPORT_UNREADABLE" in said) == (410, True)
    assert f"the key of export {mine} does not open" in api_log.read_text()


async def test_a_master_key_that_is_missing_is_told_to_the_operator_and_the_link_stays(
    api: Api, town: Town, token: str, actor: Actor, api_log: Path
) -> None:
    export = await add_export(town.id, CONTENT)
    kept = await db.value("UPDATE data_export SET key_id = 'old' WHERE id = $1 RETURNING key_id", export)
    link = await create_link(actor, export)
    async with nothing_changes():
        status, said, _ = await follow(api, token, link.token)
    assert (status, kept.encode() in said, b"tell your operator" in said) == (410, False, True)
    assert f"export {export} is sealed with the key old, which is neither in PATRONGRAPH_EXPORT_KEYS" in (
        api_log.read_text()
    )
    # Once the key is back the same link works.
    key_id = next(iter(keys.master_keys()))
    await db.rows("UPDATE data_export SET key_id = $2 WHERE id = $1 RETURNING id", export, key_id)
    assert await follow(api, token, link.token) == (200, CONTENT, True)


async def test_a_file_whose_row_is_gone_or_over_is_sealed_for_ever(town: Town) -> None:
    export = await add_export(town.id, CONTENT)
    # The database itself refuses a key that outlives its export.
    with pytest.raises(Exception, match="data_export_key_check"):
        await db.rows("UPDATE data_export SET state = 'EXPIRED' WHERE id = $1 RETURNING id", export)
    assert await db.value("SELECT sealed_key IS NULL FROM data_export WHERE id = $1", export) is False
