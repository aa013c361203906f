"""A purge by filter as staff do it: a dry run first, then what it said is quoted back."""

from typing import Any

from patrongraph.context import Actor
from patrongraph.erasure import actions
from patrongraph.erasure.actions import PurgePreview, PurgeStarted
from patrongraph.patrons.filters import PatronCriteria

EVERYBODY = PatronCriteria()


async def shown(actor: Actor, criteria: PatronCriteria = EVERYBODY, **more: Any) -> PurgePreview:
    """The dry run."""
    preview = await actions.start(actor, criteria=criteria, dry_run=True, **more)
    assert isinstance(preview, PurgePreview)
    return preview


async def purge_all(actor: Actor, criteria: PatronCriteria = EVERYBODY, **more: Any) -> PurgeStarted:
    """The dry run, and the purge of everybody whom it counted."""
    preview = await shown(actor, criteria)
    assert preview.confirmation is not None
    started = await actions.start(
        actor,
        criteria=criteria,
        confirm_count=preview.matched,
        confirmation_token=preview.confirmation.token,
        **more,
    )
    assert isinstance(started, PurgeStarted)
    return started
