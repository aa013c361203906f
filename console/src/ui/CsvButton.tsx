import { Trans } from '@lingui/react/macro';
import { Button } from './Button.tsx';
import { csv } from './csv.ts';

type Rows = readonly (readonly (string | number | null | undefined)[])[];

/** Saves a table, with its head as the first row. `rows` is asked when pressed. */
export function CsvButton({ name, rows }: { name: string; rows(): Rows | Promise<Rows> }) {
  async function save() {
    const url = URL.createObjectURL(new Blob([csv(await rows())], { type: 'text/csv;charset=utf-8' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
  return <Button onPress={save}><Trans>Save as CSV</Trans></Button>;
}
