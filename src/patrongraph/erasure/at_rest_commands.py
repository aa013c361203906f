"""The operator's `patrongraph erase-at-rest`: a top-level command of its own, for a quiet hour or a cron job."""

from collections.abc import Awaitable

import click
import orjson

from patrongraph.erasure import at_rest
from patrongraph.terminal import answers, notes, run


@click.command("erase-at-rest")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def command(*, as_json: bool) -> None:
    """Wipe the data files of rows that were erased so far, now; each table is locked while it is rewritten."""

    def tell(table: str) -> None:
        notes.print(f"Rewriting {table} …", markup=False)

    def work() -> Awaitable[at_rest.Wiped]:
        return at_rest.wipe(tell)

    try:
        done = run(work)
    except at_rest.NotNow as error:
        if as_json:
            answers.print(orjson.dumps({"done": False, "why": error.why.value}).decode(), markup=False)
        raise click.ClickException(f"not wiped: {error}; the erased patrons stay LIVE_ERASED") from error
    if as_json:
        told = {"done": True, "patrons": done.patrons, "rewrites": done.tables, "seconds": round(done.seconds, 3)}
        answers.print(orjson.dumps(told).decode(), markup=False)
    elif done.patrons:
        answers.print(f"{done.patrons} patrons are erased at rest: {done.tables} rewrites in {done.seconds:.1f} s.")
    else:
        answers.print("Nobody waits for it: every erased patron is erased at rest.")
