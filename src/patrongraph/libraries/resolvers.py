"""Root fields of the library."""

import strawberry

from patrongraph.graph.changes import changes
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

_POLICY = (
    "name", "locale", "block_level", "retain_deleted_patron_loans", "purge_waive_limit", "grace_days",
    "max_purge_per_operation", "export_ttl_hours", "group_lead_access",
)  # fmt: skip


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
        changed = await actions.update_policy(info.context.actor, changes(input, *_POLICY, nullable={"block_level"}))
        return UpdateLibraryPolicySuccess(library_id=info.context.actor.library, changed=changed)
