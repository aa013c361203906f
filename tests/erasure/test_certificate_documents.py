"""Certificates and the list of a job's patrons as files: over HTTP, from the command line, and what `verify` says."""

import asyncio
import csv
import io
import re
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr
from tests.clients import Api
from tests.erasure.test_certificate import OF_ONE, delete, purge
from tests.town import Town

from patrongraph import db
from patrongraph.erasure import certificate
from patrongraph.permissions import Permission
from patrongraph.settings import Settings, use_settings

POLICY = re.compile(
    r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; .*"
)


async def get(api: Api, path: str, token: str | None, **headers: str) -> httpx.Response:
    async with api.client() as client:
        return await client.get(path, headers=api.headers(token) | headers)


async def test_a_certificate_to_print(api: Api, town: Town, work: Any) -> None:
    await db.rows("UPDATE library SET name = '<b>North & Co</b>' RETURNING id")
    job = await purge(town, work, await town.patrons(2, loans=3))
    token = await town.token(Permission.AUDIT_VIEW)
    page = await get(api, f"/jobs/job_{job}/certificate", token)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers.get_list("content-security-policy") == [page.headers["content-security-policy"]]
    assert POLICY.fullmatch(page.headers["content-security-policy"])
    assert (page.headers["cache-control"], page.headers["content-language"]) == ("no-store", "en")
    assert "&lt;b&gt;North &amp; Co&lt;/b&gt;" in page.text
    assert "<script" not in page.text
    assert "http" not in page.text
    assert "<h1>Certificate of erasure</h1>" in page.text
    assert '<tr><th scope="row">Patrons erased</th><td>2</td></tr>' in page.text
    assert '<tr><td>loan</td><td class="n">6</td></tr>' in page.text
    as_json = await get(api, f"/jobs/job_{job}/certificate.json", token)
    assert as_json.headers["content-disposition"] == f'attachment; filename="certificate-job_{job}.json"'
    said = as_json.json()
    fingerprint = said.pop("fingerprint")
    assert f"<code>{fingerprint}</code>" in page.text
    erased_at = [said.pop("firstErasedAt"), said.pop("lastErasedAt")]
    assert all(moment.endswith("+00:00") for moment in erased_at)
    assert said == {
        "certificate": "patrongraph/erasure-certificate/1", "about": "job",
        "library": {"code": "NORTH", "name": "<b>North & Co</b>", "locale": "en"},
        "job": f"job_{job}", "patrons": 2, "rows": {table: 2 * n for table, n in OF_ONE}, "statistics": 6,
        "state": "LIVE_ERASED", "atRestAt": None,
    }  # fmt: skip


async def test_the_page_speaks_the_librarys_language(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await delete(town, patron)
    token, path = await town.token(), f"/patrons/pat_{patron}/certificate"
    for locale, asked, chosen, lang in (
        ("en", "sv", "", "en"), ("sv_SE", "en", "", "sv"), ("nb", "de, sv;q=0.8", "", "sv"), ("nb", "", "", "en"),
        ("sv", "sv", "?lang=en", "en"),
    ):  # fmt: skip
        await town.policy(locale=locale)
        page = await get(api, path + chosen, token, **{"accept-language": asked})
        assert (page.status_code, page.headers["content-language"]) == (200, lang)
        assert f'<html lang="{lang}">' in page.text
        assert ("Intyg om radering" in page.text, "Certificate of erasure" in page.text) == (lang == "sv", lang == "en")


async def test_who_gets_no_document(api: Api, town: Town, other_town: Town, work: Any) -> None:
    [patron] = await town.patrons(1)
    job = await purge(town, work, [patron])
    certificates = [f"/jobs/job_{job}/certificate", f"/patrons/pat_{patron}/certificate"]
    items = f"/jobs/job_{job}/items.csv"
    foreign, desk = await other_town.token(), await town.token(Permission.CIRCULATION_DESK)
    auditor, purger = await town.token(Permission.AUDIT_VIEW), await town.token(Permission.PATRONS_PURGE)
    for path in [*certificates, *(f"{each}.json" for each in certificates), items]:
        for token, status, code in ((None, 401, "UNAUTHENTICATED"), ("pgt_no", 401, "UNAUTHENTICATED"),
                                    (desk, 403, "FORBIDDEN"), (purger, 403, "FORBIDDEN"),
                                    (foreign, 404, "NOT_FOUND"), (auditor, 200, None)):  # fmt: skip
            answer = await get(api, path, token)
            assert answer.status_code == status, (path, token, answer.text)
            assert answer.headers["cache-control"] == "no-store"
            if code:
                assert answer.json()["errors"][0]["extensions"]["code"] == code
    for path, status in (("/jobs/job_999/certificate", 404), ("/jobs/pat_1/certificate", 400),
                         ("/patrons/pat_x/certificate", 400), ("/jobs/job_999/items.csv", 404),
                         (f"{items}?state=NONE", 400)):  # fmt: skip
        assert (await get(api, path, await town.token())).status_code == status, path
    async with api.client() as client:
        assert (await client.post(items, headers=api.headers(auditor))).status_code == 405


def table(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeffitem,patron_id,barcode,name,state,codes,reason,finished_at\r\n")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


async def test_what_became_of_each_patron(api: Api, town: Town, work: Any) -> None:
    gone, lends, formula = await town.patrons(3)
    await db.rows("UPDATE patron SET protected = true WHERE id = ANY($1) RETURNING id", [lends, formula])
    await db.rows("UPDATE patron SET first_name = '=HYPERLINK(\"x\")', last_name = 'a,\"b\"' WHERE id = $1", formula)
    await db.rows("UPDATE card SET barcode = '+46' WHERE patron_id = $1", formula)
    await db.rows("INSERT INTO card (library_id, patron_id, barcode) VALUES ($1, $2, 'NEW')", town.id, lends)
    job = await purge(town, work, [gone, lends, formula])
    items = [row["id"] for row in await db.rows("SELECT id FROM job_item ORDER BY patron_id")]
    await db.rows("UPDATE job_item SET state = 'FAILED', codes = '{}', reason = 'Oops 12' WHERE id = $1", items[2])
    answer = await get(api, f"/jobs/job_{job}/items.csv", await town.token(Permission.PATRONS_VIEW))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="job_{job}-items.csv"'
    rows = table(answer.text)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row.pop("finished_at")) for row in rows)
    assert [list(row.values()) for row in rows] == [
        [f"jobitem_{items[0]}", f"pat_{gone}", "", "", "DONE", "", ""],
        [f"jobitem_{items[1]}", f"pat_{lends}", "NEW", "First2 Last2", "SKIPPED", "PROTECTED", "is protected"],
        [f"jobitem_{items[2]}", f"pat_{formula}", "'+46", "'=HYPERLINK(\"x\") a,\"b\"", "FAILED", "",
         "could not be done: Oops 12"],
    ]  # fmt: skip
    skipped = await get(api, f"/jobs/job_{job}/items.csv?state=SKIPPED", await town.token())
    assert [row["patron_id"] for row in table(skipped.text)] == [f"pat_{lends}"]
    nameless = await get(api, f"/jobs/job_{job}/items.csv", await town.token(Permission.AUDIT_VIEW))
    assert {(row["barcode"], row["name"]) for row in table(nameless.text)} == {("", "")}


async def test_a_long_list_comes_whole_and_in_order(api: Api, town: Town, run_cli: Any, tmp_path: Path) -> None:
    job = await db.value(
        "INSERT INTO job (library_id, kind, state) VALUES ($1, 'PURGE', 'SUCCEEDED') RETURNING id", town.id
    )
    await db.rows(
        "INSERT INTO job_item (job_id, library_id, patron_id, state, codes)"
        " SELECT $1, $2, 1000000 + n, CASE n % 10 WHEN 0 THEN 'SKIPPED' ELSE 'DONE' END, '{DEBTS,OPEN_LOANS}'"
        " FROM generate_series(1, 5003) AS n",
        job,
        town.id,
    )
    answer = await get(api, f"/jobs/job_{job}/items.csv", await town.token())
    assert [row["patron_id"] for row in table(answer.text)] == [f"pat_{1_000_000 + n}" for n in range(1, 5004)]
    file = tmp_path / "items.csv"
    done = await asyncio.to_thread(run_cli, "jobs", "items", str(job), "--csv", str(file), "--state", "skipped")
    assert (done.returncode, done.stdout) == (0, "")
    rows = table(file.read_bytes().decode())
    assert [row["patron_id"] for row in rows] == [f"pat_{1_000_000 + n}" for n in range(10, 5004, 10)]
    assert {row["reason"] for row in rows} == {"has unpaid debts; has open loans"}


async def test_certificates_from_the_command_line(town: Town, work: Any, run_cli: Any, tmp_path: Path) -> None:
    ids = await town.patrons(2)
    job = await purge(town, work, ids)

    async def cli(*words: str, **more: str) -> Any:
        return await asyncio.to_thread(run_cli, "certificate", *words, **more)

    printed = await cli(f"job_{job}", "--json")
    assert printed.returncode == 0, printed.stderr
    assert orjson.loads(printed.stdout)["patrons"] == 2
    file = tmp_path / "certificate.json"
    file.write_text(printed.stdout)
    assert (await cli("verify", str(file))).stdout == f"{file} is genuine\n"
    refused = await cli("verify", "-", stdin=printed.stdout.replace('"patrons": 2', '"patrons": 3'))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is not genuine" in refused.stderr
    page = tmp_path / "certificate.html"
    assert (await cli(f"pat_{ids[1]}", "--html", str(page), "--lang", "sv")).returncode == 0
    assert f"<title>Intyg om radering pat_{ids[1]}</title>" in page.read_text()
    shown = await cli(f"pat_{ids[0]}")
    assert f"patron: pat_{ids[0]}\njob: job_{job}\n" in shown.stdout
    for subject, status, why in (("job_99", 1, "has erased nobody"), ("lib_1", 2, "neither a job's id")):
        refused = await cli(subject)
        assert (refused.returncode, why in refused.stderr) == (status, True), refused.stderr


async def test_a_fingerprint_holds_for_these_facts_and_this_secret(town: Town, settings: Settings) -> None:
    [patron] = await town.patrons(1)
    await delete(town, patron)
    printed = await certificate.of_patron(town.id, patron)
    assert printed is not None
    assert printed == await certificate.of_patron(town.id, patron)
    assert certificate.is_genuine(orjson.loads(orjson.dumps(dict(reversed(printed.items())))))
    for changed in ([], {}, None, "x", printed | {"job": "job_1"}, printed | {"more": 1}, printed | {"fingerprint": 1},
                    printed | {"rows": {}}, printed | {"fingerprint": printed["fingerprint"].upper()}):  # fmt: skip
        assert not certificate.is_genuine(changed)
    changed_key = {"secret_key": SecretStr("another secret, just as long as it")}
    use_settings(settings.model_copy(update=changed_key))
    assert not certificate.is_genuine(printed)
    earlier = SecretStr(f"x\n{settings.secret_key.get_secret_value()}")
    use_settings(settings.model_copy(update=changed_key | {"audit_keys": earlier}))
    assert certificate.is_genuine(printed)
    use_settings(settings.model_copy(update={"secret_key": SecretStr("")}))
    with pytest.raises(certificate.SecretMissing):
        certificate.is_genuine(printed)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "＝1"])
def test_a_cell_is_never_a_formula(text: str) -> None:
    from patrongraph.jobs.item_rows import cell

    assert cell(text) == f"'{text}"
    assert cell("A-1 = x") == "A-1 = x"
