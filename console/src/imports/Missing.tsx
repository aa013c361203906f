import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from 'urql';
import { ImportChoicesDocument } from '../graphql/generated/index.ts';
import { Choice } from '../ui/Choice.tsx';

export interface MissingChoice {
  isWanted: boolean;
  /** Only patrons of this category; empty for all of the library. */
  category: string;
}

export const NOT_ASKED: MissingChoice = { isWanted: false, category: '' };

/** Whether whoever is missing from the file is deactivated, and of whom. */
export function Missing({ choice, onChange }: { choice: MissingChoice; onChange(choice: MissingChoice): void }) {
  const { t } = useLingui();
  const [{ data }] = useQuery({ query: ImportChoicesDocument, pause: !choice.isWanted });
  const categories = data?.library.categories ?? [];
  return (
    <fieldset>
      <legend className="only-heard"><Trans>Patrons who are not in the file</Trans></legend>
      <label className="check">
        <input type="checkbox" checked={choice.isWanted} onChange={(event) => onChange({ ...choice, isWanted: event.target.checked })} />
        <Trans>Deactivate active patrons who are not in the file</Trans>
      </label>
      {choice.isWanted && (
        <Choice inline label={t`Only of the category`} value={choice.category} onChange={(category) => onChange({ ...choice, category })}
                options={[{ id: '', label: t`Any` }, ...categories.map(({ name }) => ({ id: name, label: name }))]} />
      )}
    </fieldset>
  );
}
