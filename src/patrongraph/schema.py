"""Merges the features into one GraphQL schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from patrongraph.audit.resolvers import AuditQuery
from patrongraph.cohorts.resolvers import CohortMutation
from patrongraph.desk.resolvers import DeskMutation
from patrongraph.erasure.resolvers import ErasureMutation, ErasureQuery
from patrongraph.exports.resolvers import ExportMutation
from patrongraph.graph.attach import attach
from patrongraph.graph.node import NodeQuery
from patrongraph.graph.scalars import SCALARS
from patrongraph.groups.resolvers import GroupMutation, GroupQuery
from patrongraph.imports.resolvers import ImportMutation
from patrongraph.jobs.resolvers import JobMutation, JobQuery, JobSubscription
from patrongraph.libraries.resolvers import LibraryMutation, LibraryQuery
from patrongraph.own_account.resolvers import OwnAccountMutation
from patrongraph.patrons.block_resolvers import BlockMutation
from patrongraph.patrons.life_resolvers import PatronLifeMutation
from patrongraph.patrons.resolvers import PatronMutation, PatronQuery
from patrongraph.rollover.resolvers import RolloverMutation, RolloverQuery
from patrongraph.staff.resolvers import StaffManagementMutation, StaffMutation, StaffQuery
from patrongraph.statistics.resolvers import StatisticsQuery

Query = merge_types(
    "Query",
    (
        NodeQuery,
        StaffQuery,
        LibraryQuery,
        PatronQuery,
        GroupQuery,
        ErasureQuery,
        JobQuery,
        StatisticsQuery,
        RolloverQuery,
        AuditQuery,
    ),
)
Mutation = merge_types(
    "Mutation",
    (
        StaffMutation,
        StaffManagementMutation,
        LibraryMutation,
        OwnAccountMutation,
        PatronMutation,
        PatronLifeMutation,
        BlockMutation,
        GroupMutation,
        CohortMutation,
        RolloverMutation,
        DeskMutation,
        ErasureMutation,
        ExportMutation,
        ImportMutation,
        JobMutation,
    ),
)
Subscription = merge_types("Subscription", (JobSubscription,))

schema = attach(
    strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
)
