import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { Input, Label, SearchField } from 'react-aria-components';
import { Button } from '../ui/Button.tsx';

/** The one box for name, barcode and e-mail address. */
export function PatronSearchBox({ q, autoFocus = false }: { q: string; autoFocus?: boolean }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const [text, setText] = useState(q);

  function submit(event: FormEvent) {
    event.preventDefault();
    void navigate({ to: '/patrons', search: text.trim() ? { q: text.trim() } : {} });
  }

  return (
    <form role="search" className="search no-print" onSubmit={submit}>
      <SearchField className="field" value={text} onChange={setText} autoFocus={autoFocus}>
        <Label className="only-heard"><Trans>Name, barcode or e-mail address</Trans></Label>
        <Input className="input" placeholder={t`Name, barcode or e-mail address`} />
      </SearchField>
      <Button type="submit" kind="primary"><Trans>Search</Trans></Button>
    </form>
  );
}
