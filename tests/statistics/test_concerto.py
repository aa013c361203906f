"""Concerto's 486 loans are counted as a plain reading of its files counts them."""

import asyncio
import csv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.clients import Api
from tests.statistics.lending import ask

CONCERTO = Path(__file__).parents[3] / "shared" / "data" / "concerto"
pytestmark = pytest.mark.skipif(not CONCERTO.is_dir(), reason="../shared/data/concerto is not beside the repository")


def read(name: str) -> list[dict[str, str]]:
    with (CONCERTO / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def test_every_library_by_month_category_and_item(api: Api, run_cli: Any) -> None:
    done = await asyncio.to_thread(run_cli, "import", str(CONCERTO))
    assert done.returncode == 0, done.stderr
    patrons = {(row["library"], row["barcode"]): row["category"] for row in read("patrons")}
    items = {row["barcode"]: (row["branch"], row["library"]) for row in read("items")}
    wanted: Counter[tuple[str, ...]] = Counter()
    lost: Counter[str] = Counter()
    for row in read("loans"):
        text = row["checked_out_at"]
        moment = datetime.fromisoformat(text + ":00" if text[-3] in "+-" else text).astimezone(UTC)
        category = patrons[row["library"], row["patron_barcode"]]
        wanted[row["library"], f"{moment:%Y-%m}-01", category, *items[row["item_barcode"]]] += 1
        lost[row["library"]] += row["lost"] == "TRUE"
    assert (sum(wanted.values()), sum(lost.values())) == (486, 12)
    found: Counter[tuple[str, ...]] = Counter()
    for library in sorted(lost):
        made = await asyncio.to_thread(
            run_cli, "token", "create", library, "reports", "--permission", "REPORTS_VIEW", "--json"
        )
        token = orjson.loads(made.stdout)["token"]
        [total] = await ask(api, first="2010-01-01", token=token)
        assert (total["lost"], total["open"], total["returned"]) == (lost[library], total["loans"], 0)
        for row in await ask(api, "MONTH", "CATEGORY", "ITEM_BRANCH", first="2010-01-01", token=token):
            place = row["itemBranch"]["code"], row["itemLibrary"]["code"]
            found[library, row["month"], row["category"], *place] = row["loans"]
    assert found == wanted
