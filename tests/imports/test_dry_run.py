"""A dry run reports what the real run then does, and changes nothing but its own report."""

from tests.imports.files import REPORT, counted, pupils, rejections, take_in
from tests.town import contents

from patrongraph import db
from patrongraph.imports.actions import Missing
from patrongraph.imports.models import ImportFormat

OWN = ("job", "import_run", "import_row", "audit_event", "audit_seal")


async def test_the_dry_run_says_what_the_real_run_does(town, work) -> None:
    ids = await pupils(town, 40)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = ANY($1::bigint[]) RETURNING id", ids[30:])
    lines = ["barcode,username,last_name,email,city,enabled"]
    lines += [f"B{ids[n]},pupil{n + 1},New{n},,Town {n},{'FALSE' if n % 3 else 'TRUE'}" for n in range(35)]
    lines += [f"NEW{n},fresh{n},Fresh,f{n}@example.org,,TRUE" for n in range(15)]
    lines += ["NEW3,again,X,,,TRUE", f"B{ids[39]},fresh1,X,,,TRUE", "ü,x,X,,,TRUE", "one,two"]
    # A username that changes hands within the file is told alike, though the dry run takes each chunk back.
    lines += [f"B{ids[38]},pupil38,X,,,TRUE", f"B{ids[37]},somebody-else,Y,,,TRUE"]
    file = "\n".join(lines)
    before = {table: found for table, found in (await contents()).items() if table not in OWN}
    dry = await take_in(town, file, ImportFormat.PATRONS, missing=Missing(), dry_run=True)
    told = await work(town.id, dry)
    assert {table: found for table, found in (await contents()).items() if table not in OWN} == before
    assert await db.value("SELECT count(*) FROM audit_event WHERE action LIKE 'patron.%'") == 0
    real = await take_in(town, file, ImportFormat.PATRONS, missing=Missing())
    done = await work(town.id, real)
    assert await counted(dry) == await counted(real) == {
        "rows": 56, "created": 15, "updated": 13, "deactivated": 20, "reactivated": 3, "rejected": 5,
    }  # fmt: skip
    assert await rejections(dry) == await rejections(real)
    reports = []
    for job_id in (dry, real):
        row = dict(await db.row(REPORT, job_id) or {})
        reports.append(
            {name: row[name] for name in row if name not in ("id", "job_id", "dry_run", "planned_at", "created_at")}
        )
    assert reports[0] == reports[1]
    assert (told.state, told.total, told.done, told.skipped) == (done.state, done.total, done.done, done.skipped)
