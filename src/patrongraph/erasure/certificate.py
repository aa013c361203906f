"""The erasure certificate: what a job has erased, or that one patron is erased, in numbers that anybody may keep.

A file of its own because it is neither a write nor a read of the graph: it adds a chunk to its job's sums, reads the
printed document, and seals it. Nothing in it says who was erased; the id leads to nobody.
"""

import hashlib
import hmac
from typing import Any

import orjson

from patrongraph import db
from patrongraph.permissions import Permission
from patrongraph.settings import get_settings

PERMISSION = Permission.AUDIT_VIEW
"""What it takes to see a certificate, through whatever door: it is a proof of what was done, like the trail."""

FORM = "patrongraph/erasure-certificate/1"
SECRET_LENGTH = 32

# Adds one chunk to the sums of its job; the chunk holds the job, so nobody else adds meanwhile.
ADD = """
INSERT INTO job_erasure AS sums (library_id, job_id, patrons, rows, statistics, first_erased_at, last_erased_at)
VALUES ($1, $2, $3, $4::jsonb, $5, now(), now())
ON CONFLICT (job_id) DO UPDATE SET
    patrons = sums.patrons + excluded.patrons,
    statistics = sums.statistics + excluded.statistics,
    last_erased_at = excluded.last_erased_at,
    rows = (SELECT jsonb_object_agg(name, n)
            FROM (SELECT name, sum(n::bigint) AS n
                  FROM (SELECT * FROM jsonb_each_text(sums.rows)
                        UNION ALL SELECT * FROM jsonb_each_text(excluded.rows)) AS both_rows(name, n)
                  GROUP BY name) AS added)
RETURNING patrons
"""

# Whether a tombstone of the job still waits for the stored copies; an index answers, however many there are.
WAITS = "EXISTS (SELECT FROM tombstone stone WHERE stone.job_id = {sums}.job_id AND stone.at_rest_at IS NULL)"
STATE = f"CASE WHEN {WAITS} THEN 'LIVE_ERASED' ELSE 'AT_REST_ERASED' END"
AT_REST_AT = (
    f"CASE WHEN NOT {WAITS}"
    " THEN (SELECT max(stone.at_rest_at) FROM tombstone stone WHERE stone.job_id = {sums}.job_id) END"
)

# The certificate of a job of a library, when the job has erased anybody.
OF_JOB = f"""
SELECT 'job' AS about, library.code, library.name, library.locale, 'job_' || sums.job_id AS job, sums.patrons,
       sums.rows, sums.statistics, sums.first_erased_at AS "firstErasedAt", sums.last_erased_at AS "lastErasedAt",
       {STATE.format(sums="sums")} AS state, {AT_REST_AT.format(sums="sums")} AS "atRestAt"
FROM job_erasure sums JOIN library ON library.id = sums.library_id
WHERE sums.job_id = $1 AND sums.library_id = $2
"""

# The certificate of one erased patron of a library.
OF_PATRON = """
SELECT 'patron' AS about, library.code, library.name, library.locale, 'pat_' || stone.patron_id AS patron,
       'job_' || stone.job_id AS job, stone.rows, stone.erased_at AS "erasedAt", stone.state,
       stone.at_rest_at AS "atRestAt"
FROM tombstone stone JOIN library ON library.id = stone.library_id
WHERE stone.patron_id = $1 AND stone.library_id = $2
"""


class SecretMissing(Exception):  # noqa: N818 - what it is, as the operator reads it
    """There is no secret to seal a certificate with."""


async def add(library_id: int, job_id: int, patrons: int, rows: dict[str, int], statistics: int) -> None:
    """Add what one chunk erased to the certificate of its job, in the caller's transaction."""
    await db.value(ADD, library_id, job_id, patrons, orjson.dumps(rows).decode(), statistics)


async def of_job(library_id: int, job_id: int) -> dict[str, Any] | None:
    """Return the job's printed certificate with its fingerprint; None when it erased nobody of the library."""
    return await _printed(OF_JOB, job_id, library_id)


async def of_patron(library_id: int, patron_id: int) -> dict[str, Any] | None:
    """Return the erased patron's printed certificate with its fingerprint; None when the library erased no such one."""
    return await _printed(OF_PATRON, patron_id, library_id)


async def _printed(sql: str, key: int, library_id: int) -> dict[str, Any] | None:
    found = await db.row(sql, key, library_id)
    if found is None:
        return None
    values = dict(found)
    library = {name: values.pop(name) for name in ("code", "name", "locale")}
    values["rows"] = dict(sorted(orjson.loads(values["rows"]).items()))
    document = {"certificate": FORM, "library": library, **values}
    plain: dict[str, Any] = orjson.loads(orjson.dumps(document))  # moments become the text that is sealed
    return plain | {"fingerprint": fingerprint(plain)}


def fingerprint(document: dict[str, Any]) -> str:
    """Return the HMAC-SHA256 (hex) of a certificate without its own fingerprint. Raises SecretMissing.

    Canonical form: JSON in UTF-8, keys sorted, no spaces. The key is the installation's secret. The same facts have
    the same fingerprint whenever they are printed.
    """
    secret = get_settings().secret_key.get_secret_value()
    if len(secret) < SECRET_LENGTH:
        raise SecretMissing("PATRONGRAPH_SECRET_KEY is not set: certificates are sealed with it")
    return _sealed(document, secret)


def is_genuine(document: object) -> bool:
    """Return whether a parsed certificate is as this installation printed it, also with an earlier secret.

    Raises SecretMissing.
    """
    if not isinstance(document, dict) or document.get("certificate") != FORM:
        return False
    shown = document.get("fingerprint")
    if not isinstance(shown, str):
        return False
    earlier = get_settings().audit_keys.get_secret_value().splitlines()
    right = [fingerprint(document), *(_sealed(document, secret) for secret in earlier if secret)]
    return any(hmac.compare_digest(each.encode(), shown.encode(errors="surrogatepass")) for each in right)


def _sealed(document: dict[str, Any], secret: str) -> str:
    said = {name: value for name, value in document.items() if name != "fingerprint"}
    text = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    return hmac.new(secret.encode(), b"erasure certificate\x00" + text, hashlib.sha256).hexdigest()
