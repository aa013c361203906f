import { Trans } from '@lingui/react/macro';
import { useId, useState, type DragEvent } from 'react';
import { number } from '../words/format.ts';

/** A file, dropped or chosen. */
export function DropFile({ file, onFile, wrong }: {
  file: File | undefined;
  onFile(file: File): void;
  wrong: string | undefined;
}) {
  const id = useId();
  const [isOver, setIsOver] = useState(false);

  function drop(event: DragEvent) {
    event.preventDefault();
    setIsOver(false);
    const [dropped] = event.dataTransfer.files;
    if (dropped) onFile(dropped);
  }

  return (
    <div className={isOver ? 'drop over' : 'drop'} onDrop={drop} onDragLeave={() => setIsOver(false)}
         onDragOver={(event) => { event.preventDefault(); setIsOver(true); }}>
      <input id={id} type="file" className="only-heard" accept=".csv,.txt,.tsv,.json" aria-invalid={wrong ? true : undefined}
             aria-describedby={wrong ? `${id}w` : undefined}
             onChange={(event) => { const [chosen] = event.target.files ?? []; if (chosen) onFile(chosen); }} />
      <label htmlFor={id} className="button plain"><Trans>Choose a file</Trans></label>
      <span className="soft"><Trans>or drop one here</Trans></span>
      <strong role="status">{file && `${file.name} · ${number(Math.max(0.1, file.size / 1000), 1)} kB`}</strong>
      {wrong && <span id={`${id}w`} className="wrong" role="alert">{wrong}</span>}
    </div>
  );
}
