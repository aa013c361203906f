// Every address of the console. A page is one line here, and a place in shell/places.ts when it belongs in the menu.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { lazy, type ComponentType } from 'react';
import { activitySearch } from './activity/search.ts';
import { DEBT_STATES, listSearch, LOAN_STATES, RESERVATION_STATES } from './circulation/search.ts';
import { auditSearch } from './audit/search.ts';
import type { Permission } from './graphql/generated/index.ts';
import { groupSearch } from './groups/search.ts';
import { importSearch } from './imports/search.ts';
import { jobSearch, jobsSearch } from './jobs/search.ts';
import { patronsSearch } from './patrons/search.ts';
import { purgeSearch } from './purge/search.ts';
import { Login } from './session/Login.tsx';
import { useMay } from './session/session.tsx';
import { NotAllowed, NotHere } from './shell/NotHere.tsx';
import { Shell } from './shell/Shell.tsx';
import { statisticsSearch } from './statistics/search.ts';

const root = createRootRoute();

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: (search): { back?: string } => (typeof search.back === 'string' ? { back: search.back } : {}),
  component: Login,
});

const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell });

/** A page that takes a permission; who has it not is told so instead. */
function guarded(permission: Permission, load: () => Promise<{ default: ComponentType }>) {
  const Inner = lazy(load);
  return function Guarded() {
    return useMay(permission) ? <Inner /> : <NotAllowed permission={permission} />;
  };
}

// What the library keeps beside its patrons.
const office = [
  createRoute({
    getParentRoute: () => shell,
    path: '/statistics',
    validateSearch: statisticsSearch,
    component: guarded('REPORTS_VIEW', () => import('./statistics/Statistics.tsx')),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/cohorts',
    component: guarded('COHORTS_ROLL_OVER', () => import('./cohorts/Cohorts.tsx')),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/settings',
    component: guarded('SETTINGS_MANAGE', () => import('./settings/Settings.tsx')),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/staff',
    validateSearch: (search): { after?: string } => (typeof search.after === 'string' ? { after: search.after } : {}),
    component: guarded('STAFF_MANAGE', () => import('./staff/Staff.tsx')),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: '/audit',
    validateSearch: auditSearch,
    component: guarded('AUDIT_VIEW', () => import('./audit/Audit.tsx')),
  }),
] as const;

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('./home/Home.tsx')),
});

const patrons = createRoute({
  getParentRoute: () => shell,
  path: '/patrons',
  validateSearch: patronsSearch,
  component: guarded('PATRONS_VIEW', () => import('./patrons/Patrons.tsx')),
});

const newPatron = createRoute({
  getParentRoute: () => shell,
  path: '/patrons/new',
  validateSearch: (search): { cloneFrom?: string } => (search.cloneFrom ? { cloneFrom: String(search.cloneFrom) } : {}),
  component: guarded('PATRONS_CREATE', () => import('./patron/NewPatron.tsx')),
});

const patron = createRoute({
  getParentRoute: () => shell,
  path: '/patrons/$id',
  component: guarded('PATRONS_VIEW', () => import('./patron/Patron.tsx')),
});

// The tabs of a patron: the strip shows those that are here (patron/tabs.ts).
const patronTabs = [
  createRoute({
    getParentRoute: () => patron,
    path: '/',
    beforeLoad: ({ params }) => {
      throw redirect({ to: '/patrons/$id/data', params, replace: true });
    },
  }),
  createRoute({
    getParentRoute: () => patron,
    path: '/data',
    component: lazyRouteComponent(() => import('./patron/PatronData.tsx')),
  }),
  createRoute({
    getParentRoute: () => patron,
    path: '/loans',
    validateSearch: listSearch(LOAN_STATES),
    component: lazyRouteComponent(() => import('./circulation/Loans.tsx')),
  }),
  createRoute({
    getParentRoute: () => patron,
    path: '/reservations',
    validateSearch: listSearch(RESERVATION_STATES),
    component: lazyRouteComponent(() => import('./circulation/Reservations.tsx')),
  }),
  createRoute({
    getParentRoute: () => patron,
    path: '/debts',
    validateSearch: listSearch(DEBT_STATES),
    component: lazyRouteComponent(() => import('./circulation/Debts.tsx')),
  }),
  createRoute({
    getParentRoute: () => patron,
    path: '/group',
    validateSearch: groupSearch,
    component: lazyRouteComponent(() => import('./groups/Group.tsx')),
  }),
  createRoute({
    getParentRoute: () => patron,
    path: '/activity',
    validateSearch: activitySearch,
    component: guarded('AUDIT_VIEW', () => import('./activity/Activity.tsx')),
  }),
] as const;

const jobs = createRoute({
  getParentRoute: () => shell,
  path: '/jobs',
  validateSearch: jobsSearch,
  component: guarded('PATRONS_VIEW', () => import('./jobs/Jobs.tsx')),
});

const job = createRoute({
  getParentRoute: () => shell,
  path: '/jobs/$id',
  validateSearch: jobSearch,
  component: guarded('PATRONS_VIEW', () => import('./jobs/JobPage.tsx')),
});

const purge = createRoute({
  getParentRoute: () => shell,
  path: '/purge',
  validateSearch: purgeSearch,
  component: guarded('PATRONS_PURGE', () => import('./purge/Purge.tsx')),
});

const importNew = createRoute({
  getParentRoute: () => shell,
  path: '/imports/new',
  component: guarded('PATRONS_IMPORT', () => import('./imports/ImportNew.tsx')),
});

const importReport = createRoute({
  getParentRoute: () => shell,
  path: '/imports/$id',
  validateSearch: importSearch,
  component: guarded('PATRONS_IMPORT', () => import('./imports/ImportPage.tsx')),
});

const elsewhere = createRoute({ getParentRoute: () => shell, path: '$', component: NotHere });

export const router = createRouter({
  routeTree: root.addChildren([login, shell.addChildren([
    home, patrons, newPatron, patron.addChildren(patronTabs),
    purge, jobs, job, importNew, importReport,
    ...office,
    elsewhere,
  ])]),
  basepath: '/console',
  defaultPreload: false,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
