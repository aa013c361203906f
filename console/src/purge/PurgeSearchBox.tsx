import { Trans, useLingui } from '@lingui/react/macro';
import { useState, type FormEvent } from 'react';
import { Input, Label, SearchField } from 'react-aria-components';
import { Button } from '../ui/Button.tsx';

/** The search of the patrons' list, among those who may be purged. */
export function PurgeSearchBox({ q, onSearch }: { q: string; onSearch(q: string | undefined): void }) {
  const { t } = useLingui();
  const [text, setText] = useState(q);

  function submit(event: FormEvent) {
    event.preventDefault();
    onSearch(text.trim() || undefined);
  }

  return (
    <form role="search" className="search no-print" onSubmit={submit}>
      <SearchField className="field" value={text} onChange={setText}>
        <Label className="only-heard"><Trans>Name, barcode or e-mail address</Trans></Label>
        <Input className="input" placeholder={t`Name, barcode or e-mail address`} />
      </SearchField>
      <Button type="submit"><Trans>Search</Trans></Button>
    </form>
  );
}
