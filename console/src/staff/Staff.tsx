import { useLingui } from '@lingui/react/macro';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo } from 'react';
import { useQuery } from 'urql';
import { RoleRowFragmentDoc, StaffDocument, StaffRowFragmentDoc, TokenRowFragmentDoc, unmask } from '../graphql/generated/index.ts';
import { Answer } from '../ui/Answer.tsx';
import { Page } from '../ui/Page.tsx';
import { Pager } from '../ui/Pager.tsx';
import { Accounts } from './Accounts.tsx';
import { Roles } from './Roles.tsx';
import './staff.css';
import { Tokens } from './Tokens.tsx';

const PAGE = 50;

export default function Staff() {
  const { t } = useLingui();
  const { after } = useSearch({ from: '/shell/staff' });
  const navigate = useNavigate({ from: '/staff' });
  const [state, query] = useQuery({ query: StaffDocument, variables: { first: PAGE, after: after ?? null } });
  const again = useCallback(() => query({ requestPolicy: 'network-only' }), [query]);
  const staff = useMemo(() => state.data?.staff.edges.map(({ node }) => unmask(StaffRowFragmentDoc, node)) ?? [], [state.data]);
  const roles = useMemo(() => state.data?.roles.map((one) => unmask(RoleRowFragmentDoc, one)) ?? [], [state.data]);
  const tokens = useMemo(() => state.data?.apiTokens.map((one) => unmask(TokenRowFragmentDoc, one)) ?? [], [state.data]);
  return (
    <Page title={t`Staff`}>
      <Answer state={state} retry={query}>
        {({ staff: { pageInfo } }) => (
          <>
            <Accounts staff={staff} roles={roles} again={again}>
              {(pageInfo.hasNextPage || pageInfo.hasPreviousPage) && (
                <Pager hasNext={pageInfo.hasNextPage} isFirst={!pageInfo.hasPreviousPage}
                       onFirst={() => void navigate({ search: {} })}
                       onNext={() => void navigate({ search: { after: pageInfo.endCursor ?? undefined } })} />
              )}
            </Accounts>
            <Roles roles={roles} again={again} />
            <Tokens tokens={tokens} again={again} />
          </>
        )}
      </Answer>
    </Page>
  );
}
