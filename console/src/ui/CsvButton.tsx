import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Button } from './Button.tsx';
import { csv } from './csv.ts';
import { toast } from './toast.tsx';

type Rows = readonly (readonly (string | number | null | undefined)[])[];

/** Saves a table, with its head as the first row. `rows` is asked when pressed; when it fails, nothing is saved. */
export function CsvButton({ name, rows }: { name: string; rows(): Rows | Promise<Rows> }) {
  const { t } = useLingui();
  const [isReading, setIsReading] = useState(false);
  async function save() {
    setIsReading(true);
    try {
      offer(`${name}.csv`, csv(await rows()));
    } catch {
      toast(t`The table could not be read; nothing was saved. Try again.`);
    } finally {
      setIsReading(false);
    }
  }
  return <Button onPress={save} isPending={isReading}><Trans>Save as CSV</Trans></Button>;
}

function offer(file: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
