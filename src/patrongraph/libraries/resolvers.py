"""Root fields of the library."""

from typing import Any

import strawberry

from patrongraph.graph.declare import RootRow, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.libraries import actions
from patrongraph.libraries.types import (
    Library,
    UpdateLibraryPolicyInput,
    UpdateLibraryPolicyResult,
    UpdateLibraryPolicySuccess,
)
from patrongraph.permissions import Permission
from patrongraph.problems import InputReason, invalid

_NULLABLE = "block_level"
_POLICY = {
    "name": "name",
    "locale": "locale",
    _NULLABLE: "blockLevel",
    "retain_deleted_patron_loans": "retainDeletedPatronLoans",
    "purge_waive_limit": "purgeWaiveLimit",
    "grace_days": "graceDays",
    "max_purge_per_operation": "maxPurgePerOperation",
    "export_ttl_hours": "exportTtlHours",
    "group_lead_access": "groupLeadAccess",
}


def _changes(input: UpdateLibraryPolicyInput) -> dict[str, Any]:
    """Return what was given, by column. Raises Refused for a null that takes away too much."""
    given = {name: getattr(input, name) for name in _POLICY}
    changes = {name: each.value for name, each in given.items() if each is not None}
    for name, value in changes.items():
        if value is None and name != _NULLABLE:
            message = "This cannot be null; leave it out to keep it as it is."
            raise invalid(f"input.{_POLICY[name]}", message, InputReason.REQUIRED)
    return changes


@strawberry.type
class LibraryQuery:
    """Query.library."""

    @declared(RootRow(lambda _where: None), "Your library: policy, branches, categories, cohorts.")
    def library(self) -> Library:
        compiled()


@strawberry.type
class LibraryMutation:
    """Mutation.updateLibraryPolicy."""

    @mutation("Change the policy of your library.", permission=Permission.SETTINGS_MANAGE)
    async def update_library_policy(
        self, info: strawberry.Info[Operation], input: UpdateLibraryPolicyInput
    ) -> UpdateLibraryPolicyResult:
        changed = await actions.update_policy(info.context.actor, _changes(input))
        return UpdateLibraryPolicySuccess(library_id=info.context.actor.library, changed=changed)
