"""The operator's `patrongraph purge`: the same preview, confirmation and job as over the API, followed live."""

from datetime import UTC, datetime

import click

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.erasure import actions
from patrongraph.erasure.actions import PurgePreview
from patrongraph.graph.ids import BadArgument, decode_id
from patrongraph.jobs.follow import announcing, outcome, show
from patrongraph.libraries.commands import operator
from patrongraph.libraries.queries import id_by_code
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.terminal import run

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.command("purge")
@click.argument("library_code", metavar="LIBRARY")
@click.option("--ids", help="Patrons by id, separated by commas: pat_12,pat_13.")
@click.option("--filter", "filtered", is_flag=True, help="All inactive patrons, or those of the options below.")
@click.option("--search", help="Words of the name.")
@click.option("--category", help="Patrons of this category.")
@click.option("--branch", metavar="CODE", help="Patrons of this home branch.")
@click.option("--cohort", metavar="CODE", help="Patrons of this cohort.")
@click.option("--expired-before", type=_day, help="Patrons whose account expired before that day.")
@click.option("--inactive-since", type=_day, help="Patrons inactive since that day (UTC) or longer.")
@click.option("--dry-run", is_flag=True, help="Only count: who matches, who can be purged, why others cannot.")
@click.option("--confirm-count", type=int, help="With --filter: the number that the dry run gave.")
@click.option("--confirmation-token", metavar="TOKEN", help="With --filter: the token that the dry run gave.")
@click.option("--no-wait", is_flag=True, help="Start the job and do not follow it.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def group(
    library_code: str,
    ids: str | None,
    *,
    filtered: bool,
    search: str | None,
    category: str | None,
    branch: str | None,
    cohort: str | None,
    expired_before: datetime | None,
    inactive_since: datetime | None,
    dry_run: bool,
    confirm_count: int | None,
    confirmation_token: str | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Erase inactive patrons of LIBRARY for good; a worker has to be running. Begin with --dry-run."""
    if (ids is None) != filtered:
        raise click.UsageError("say either --ids, or --filter with or without its options")
    texts = (search, category, branch, cohort)
    if not filtered and any(part is not None for part in (*texts, expired_before, inactive_since)):
        # Ignored, they would let a purge erase more than was meant.
        raise click.UsageError("--ids goes without options that filter; nothing was purged")
    if not all(db.storable(text) for text in (*texts, confirmation_token) if text is not None):
        raise click.UsageError("a filter is text in UTF-8; nothing was purged")
    patron_ids = None if ids is None else _ids(ids)

    async def work() -> dict[str, object]:
        actor = await operator(library_code)
        chosen = None
        if filtered:
            chosen = PatronCriteria(
                search=search,
                category=category,
                branch_id=await _id_of(actor, "branch", branch),
                cohort_id=await _id_of(actor, "cohort", cohort),
                expired_before=None if expired_before is None else expired_before.date(),
                inactive_since=None if inactive_since is None else inactive_since.replace(tzinfo=UTC),
            )
        async with announcing():
            started = await actions.start(
                actor,
                patron_ids=patron_ids,
                criteria=chosen,
                dry_run=dry_run,
                confirm_count=confirm_count,
                confirmation_token=confirmation_token,
            )
            if isinstance(started, PurgePreview):
                return _preview(started)
            return await outcome(actor.library, started.job_id, started.count, wait=not no_wait)

    show(run(work), as_json=as_json)


def _ids(text: str) -> list[int]:
    try:
        return [decode_id("pat", part.strip()) for part in text.split(",")]
    except BadArgument as error:
        raise click.UsageError(f"--ids: {error}") from error


async def _id_of(actor: Actor, kind: str, code: str | None) -> int | None:
    if code is None:
        return None
    found = await id_by_code(kind, actor.library, code)
    if found is None:
        raise click.ClickException(f"this library has no {kind} with the code {code}; nothing was purged")
    return found


def _preview(counts: PurgePreview) -> dict[str, object]:
    return {
        "matched": counts.matched,
        "purgeable": counts.purgeable,
        "obstacles": counts.obstacles,
        "graceDays": counts.grace_days,
    } | (
        {}
        if counts.confirmation is None
        else {"confirmationToken": counts.confirmation.token, "confirmUntil": counts.confirmation.until}
    )
