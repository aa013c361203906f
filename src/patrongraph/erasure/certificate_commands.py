"""The operator's `patrongraph certificate`: print a certificate of erasure, or check one that was printed.

A file of its own beside commands.py, which is the command `purge`.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from patrongraph import db
from patrongraph.erasure import certificate
from patrongraph.erasure.certificate_page import language, page
from patrongraph.graph.ids import BadArgument, split_id
from patrongraph.terminal import answers, run

# The library whose certificate it is, for an operator who names only the job or the patron.
LIBRARY_OF_JOB = "SELECT library_id FROM job_erasure WHERE job_id = $1"
LIBRARY_OF_PATRON = "SELECT library_id FROM tombstone WHERE patron_id = $1"


class _Certificates(click.Group):
    """`certificate job_3` is short for `certificate show job_3`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take whatever is no command's name for an id."""
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


@click.group("certificate", cls=_Certificates)
def group() -> None:
    """Proof of what was erased: `patrongraph certificate job_3`, `… pat_12`, `… verify FILE`."""


@group.command()
@click.argument("subject", metavar="JOB|PATRON")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, which `verify` can check.")
@click.option("--html", "html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to print.")
@click.option("--lang", type=click.Choice(["en", "sv"]), help="Language of the page; the library's without it.")
def show(subject: str, *, as_json: bool, html: Path | None, lang: str | None) -> None:
    """Show the certificate of a job (job_3) or of one erased patron (pat_12)."""
    try:
        prefix, key = split_id(subject)
    except BadArgument as error:
        raise click.UsageError(str(error)) from error
    if prefix not in ("job", "pat"):
        raise click.UsageError(f"{subject} is neither a job's id, like job_3, nor a patron's, like pat_12")

    async def work() -> dict[str, Any]:
        library = await db.value(LIBRARY_OF_JOB if prefix == "job" else LIBRARY_OF_PATRON, key)
        read = certificate.of_job if prefix == "job" else certificate.of_patron
        try:
            found = None if library is None else await read(library, key)
        except certificate.SecretMissing as missing:
            raise click.ClickException(str(missing)) from missing
        if found is None:
            what = "has erased nobody" if prefix == "job" else "is not the id of an erased patron"
            raise click.ClickException(f"{subject} {what}")
        return found

    found = run(work)
    if html is not None:
        html.write_text(
            page(found, language(found["library"]["locale"], chosen=lang or ""), datetime.now(UTC)), "utf-8"
        )
        answers.print(f"written to {html}", markup=False)
    elif as_json:
        answers.print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode(), markup=False)
    else:
        for name, value in found.items():
            said = ", ".join(f"{key} {n}" for key, n in value.items()) if isinstance(value, dict) else value
            answers.print(f"{name}: {'none' if said is None else said}", markup=False)


@group.command()
@click.argument("file", type=click.File("rb"))
def verify(file: Any) -> None:
    """Check that a certificate in JSON is as this installation printed it; ends with 1 when it is not."""

    async def work() -> bool:
        try:
            return certificate.is_genuine(orjson.loads(file.read()))
        except orjson.JSONDecodeError as error:
            raise click.ClickException(f"{file.name} is not JSON") from error
        except certificate.SecretMissing as missing:
            raise click.ClickException(str(missing)) from missing

    if not run(work):
        raise click.ClickException(
            f"{file.name} is not genuine: it was changed, or printed by another installation or with another secret"
        )
    answers.print(f"{file.name} is genuine", markup=False)
