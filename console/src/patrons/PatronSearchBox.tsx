import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState, type FormEvent } from 'react';
import { Input, Label, SearchField } from 'react-aria-components';
import { Button } from '../ui/Button.tsx';
import { mayBeBarcode } from './scan.ts';
import type { PatronsSearch } from './search.ts';
import { useOpenBarcode, useScanner } from './useOpenBarcode.ts';

/**
 * The one box for name, barcode and e-mail address. Whole barcodes, typed or scanned, open their patron; anything else is
 * searched for, within `within`. After a search its text is selected, so that the next scan replaces it.
 */
export function PatronSearchBox({ q, within = {} }: { q: string; within?: PatronsSearch }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const open = useOpenBarcode();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(q);
  const [isLooking, setIsLooking] = useState(false);

  useEffect(() => {
    input.current?.focus({ preventScroll: true });
    input.current?.select();
  }, []);

  const find = async (wanted: string) => {
    if (isLooking) return;
    setIsLooking(true);
    const isOpen = mayBeBarcode(wanted) && (await open(wanted));
    setIsLooking(false);
    if (isOpen) return;
    input.current?.select();
    await navigate({ to: '/patrons', search: { ...within, q: wanted || undefined, after: undefined } });
  };
  const latest = useRef(find);
  latest.current = find;
  useScanner(useCallback((barcode: string) => {
    setText(barcode);
    void latest.current(barcode);
  }, []));

  function submit(event: FormEvent) {
    event.preventDefault();
    void find(text.trim());
  }

  return (
    <form role="search" className="search no-print" onSubmit={submit}>
      <SearchField className="field" value={text} onChange={setText}>
        <Label className="only-heard"><Trans>Name, barcode or e-mail address</Trans></Label>
        <Input ref={input} className="input" placeholder={t`Name, barcode or e-mail address`} />
      </SearchField>
      <Button type="submit" kind="primary" isPending={isLooking}><Trans>Search</Trans></Button>
    </form>
  );
}
