"""The examples of docs/statistics.md run as they stand there, with a token that may see reports only."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.clients import Api
from tests.statistics.lending import Lender, ask

DOCS = Path(__file__).parents[2] / "docs"
PLAIN = {name: value for name, value in os.environ.items() if not name.lower().endswith("proxy")}


def run(*command: str, **variables: str) -> str:
    done = subprocess.run(
        command, env=PLAIN | variables, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


async def fill(lender: Lender) -> None:
    patron, branch = await lender.patron(), lender.town.branch
    for month, material in ((1, "BOOK"), (1, "BOOK"), (2, "DVD"), (3, "")):
        back = f"2026-0{month}-15T12:00:00" if material else None
        item = await lender.item(material)
        await lender.lend(patron, item, f"2026-0{month}-05T12:00:00", back, branch=branch, lost=material == "DVD")


async def test_the_python_example(reports: Api, lender: Lender) -> None:
    await fill(lender)
    example = str(DOCS / "examples" / "loan_statistics.py")
    said = await asyncio.to_thread(
        run, sys.executable, "-I", "-X", "utf8", example, PATRONGRAPH_API=reports.url, TOKEN=reports.token or ""
    )
    assert said.splitlines() == [
        f"2026-01  {'Main':<30}        2",
        f"2026-02  {'Main':<30}        1",
        f"2026-03  {'Main':<30}        1",
        "not known      0.0% came back, after None days",
        "BOOK         100.0% came back, after 10.0 days",
        "DVD            0.0% came back, after None days",
        "4 loans from 2026-01-01 to 2026-12-31",
    ]


async def test_the_curl_example_with_a_token_of_its_own(reports: Api, lender: Lender, run_cli: Any) -> None:
    """The token is made as the page says."""
    await fill(lender)
    text = (DOCS / "statistics.md").read_text()
    [create] = re.findall(r"^\$ patrongraph (token create .*)$", text, re.MULTILINE)
    made = await asyncio.to_thread(run_cli, *create.replace("ELMWOOD", "NORTH").split())
    assert made.returncode == 0, made.stderr
    [token] = re.findall(r"pgt?_[A-Za-z0-9_-]{20,}", made.stdout)
    [curl] = re.findall(r"^\$ (curl .*)$", text, re.MULTILINE)
    command = curl.replace("http://127.0.0.1:8000", reports.url)
    assert command != curl
    said = await asyncio.to_thread(run, "bash", "-c", command, TOKEN=token)
    main = "MAIN,Main"
    assert said == (
        "\ufeffmonth,branch_code,branch_name,loans,returned,lost,open,average_days\n"
        f"2026-01-01,{main},2,2,0,0,10.0\n2026-02-01,{main},1,0,1,0,\n2026-03-01,{main},1,0,0,1,\n"
    )
    refused = await reports.refused("{ patrons(first: 1) { totalCount } }", token=token)
    assert refused == ["FORBIDDEN"]
    assert len(await ask(reports, "MONTH", token=token)) == 3


async def test_the_commands_of_the_page(lender: Lender, run_cli: Any, tmp_path: Path) -> None:
    await fill(lender)
    text = (DOCS / "statistics.md").read_text()
    commands = re.findall(r"^\$ patrongraph (statistics .*)$", text, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        words = command.replace("ELMWOOD", "NORTH").partition(" > ")[0].split()
        done = await asyncio.to_thread(run_cli, *words)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout
