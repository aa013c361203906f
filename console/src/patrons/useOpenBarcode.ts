import { useNavigate } from '@tanstack/react-router';
import { useCallback, useEffect } from 'react';
import { useClient } from 'urql';
import { PatronByBarcodeDocument } from '../graphql/generated/index.ts';
import { Scan } from './scan.ts';

/** Opens the patron who has exactly that barcode, on any card; answers whether there is one. */
export function useOpenBarcode(): (barcode: string) => Promise<boolean> {
  const client = useClient();
  const navigate = useNavigate();
  return useCallback(
    async (barcode: string) => {
      const { data } = await client.query(PatronByBarcodeDocument, { barcode }, { requestPolicy: 'network-only' }).toPromise();
      if (!data?.patron) return false;
      await navigate({ to: '/patrons/$id', params: { id: data.patron.id } });
      return true;
    },
    [client, navigate],
  );
}

/** Hears a scanner while the focus is in no field; a field hears its scan itself. */
export function useScanner(onScan: (barcode: string) => void): void {
  useEffect(() => {
    const scan = new Scan();
    const hear = (event: KeyboardEvent) => {
      const place = event.target as HTMLElement;
      if (place.matches('input, textarea, select, [contenteditable]') || event.ctrlKey || event.metaKey || event.altKey) return;
      const text = scan.push(event.key, event.timeStamp);
      if (text === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      onScan(text);
    };
    // Before the table hears it, whose Enter opens the row that has the focus.
    document.addEventListener('keydown', hear, { capture: true });
    return () => document.removeEventListener('keydown', hear, { capture: true });
  }, [onScan]);
}
