// The places of the menu, in the order of a day's work. A page that a viewer may not see is not offered.
import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import type { Permission } from '../graphql/generated/index.ts';

export interface Place {
  to: string;
  name: MessageDescriptor;
  permission?: Permission;
}

export const places: readonly Place[] = [
  { to: '/', name: msg`Start` },
  { to: '/patrons', name: msg`Patrons`, permission: 'PATRONS_VIEW' },
  { to: '/purge', name: msg`Purge`, permission: 'PATRONS_PURGE' },
  { to: '/imports/new', name: msg`Import`, permission: 'PATRONS_IMPORT' },
  { to: '/jobs', name: msg`Jobs`, permission: 'PATRONS_VIEW' },
  { to: '/cohorts', name: msg`Cohorts`, permission: 'COHORTS_ROLL_OVER' },
  { to: '/statistics', name: msg`Statistics`, permission: 'REPORTS_VIEW' },
  { to: '/settings', name: msg`Settings`, permission: 'SETTINGS_MANAGE' },
  { to: '/staff', name: msg`Staff`, permission: 'STAFF_MANAGE' },
  { to: '/audit', name: msg`Audit trail`, permission: 'AUDIT_VIEW' },
];
