import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { ApiTokenState, Permission } from '../graphql/generated/index.ts';

/** In the order in which staff meet them. */
export const permissionWords: Record<Permission, MessageDescriptor> = {
  PATRONS_VIEW: msg`Patrons - View`,
  PATRONS_CREATE: msg`Patrons - Register`,
  PATRONS_EDIT: msg`Patrons - Edit`,
  PATRONS_DOWNLOAD_DATA: msg`Patrons - Download patron data`,
  PATRONS_BLOCK: msg`Patrons - Block/unblock patron`,
  PATRONS_DELETE: msg`Patrons - Delete patron`,
  PATRONS_DEACTIVATE: msg`Patrons - Deactivate`,
  PATRONS_PURGE: msg`Patrons - Purge`,
  ITEMS_MARK_LOST: msg`Items - Mark as lost`,
  GROUPS_MANAGE: msg`Groups - Manage`,
  GROUPS_VIEW_TOTALS: msg`Groups - See totals`,
  CIRCULATION_DESK: msg`Circulation desk`,
  PATRONS_IMPORT: msg`Patrons - Import`,
  COHORTS_ROLL_OVER: msg`Cohorts and the end of the year`,
  REPORTS_VIEW: msg`Statistics`,
  AUDIT_VIEW: msg`Audit trail`,
  SETTINGS_MANAGE: msg`Settings`,
  STAFF_MANAGE: msg`Staff, roles and tokens`,
};
export const PERMISSIONS = Object.keys(permissionWords) as Permission[];

export const tokenStateWords: Record<ApiTokenState, MessageDescriptor> = {
  ACTIVE: msg`Valid`,
  EXPIRED: msg`Has ended`,
  REVOKED: msg`Revoked`,
};
