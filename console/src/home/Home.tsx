import { Trans, useLingui } from '@lingui/react/macro';
import { PatronSearchBox } from '../patrons/PatronSearchBox.tsx';
import { Can } from '../session/session.tsx';
import { Page } from '../ui/Page.tsx';
import { FilterLinks } from './FilterLinks.tsx';
import './home.css';
import { RecentPatrons } from './RecentPatrons.tsx';
import { RunningJobs } from './RunningJobs.tsx';

export default function Home() {
  const { t } = useLingui();
  return (
    <Can permission="PATRONS_VIEW" otherwise={<Page title={t`Start`}><p><Trans>You may not see patrons.</Trans></p></Page>}>
      <Page title={t`Find a patron`} keepFocus>
        <PatronSearchBox q="" />
        <div className="cards start">
          <RecentPatrons />
          <RunningJobs />
          <FilterLinks />
        </div>
      </Page>
    </Can>
  );
}
