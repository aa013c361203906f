"""Every way the exports say no: not ready, a link that is used or too old, nobody to export."""

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused


@strawberry.type(description="The export has no file to download: not yet, or not any more.")
class ExportNotReady(Problem):
    """Names the state, so that a client knows whether to wait or to ask for a new export."""

    state: str = strawberry.field(description="The state the export is in now.")


@strawberry.type(description="The download link was used, or its 15 minutes are over.")
class DownloadLinkSpent(Problem):
    """Ask for a new link; the file may still be there."""


@strawberry.type(description="No patron matches the filter of the export.")
class NobodyToExport(Problem):
    """Nothing was started."""


def export_not_ready(state: str) -> Refused:
    """Return the refusal of a download by an export in that state."""
    wait = state in {"REQUESTED", "RUNNING"}
    advice = "Wait until it is READY." if wait else "Ask for a new export."
    message = f"The export is {state}; it has no file to download. {advice}"
    return Refused(ExportNotReady(code=ProblemCode.EXPORT_NOT_READY, message=message, state=state))


def link_used() -> Refused:
    """Return the refusal of a link's second use."""
    message = "This download link was used already; it works once. Ask for a new link."
    return Refused(DownloadLinkSpent(code=ProblemCode.LINK_USED, message=message))


def link_expired() -> Refused:
    """Return the refusal of a link after its time."""
    message = "This download link has expired; it works for 15 minutes. Ask for a new link."
    return Refused(DownloadLinkSpent(code=ProblemCode.LINK_EXPIRED, message=message))


def nobody_to_export() -> Refused:
    """Return the refusal of a filter that matches nobody."""
    message = "No patron of your library matches this filter; nothing was exported."
    return Refused(NobodyToExport(code=ProblemCode.NOTHING_MATCHES, message=message))
