import { useId, useRef, type ReactNode } from 'react';

export interface MenuAction {
  id: string;
  label: string;
  onAction(): void;
}

/** A button that shows more buttons. The browser opens it, closes it by Escape or a click beside, and keeps the focus. */
export function Menu({ label, children, actions, small = false }: {
  /** What is heard; needed when `children` is no text. */
  label?: string;
  children: ReactNode;
  actions: readonly MenuAction[];
  small?: boolean;
}) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  return (
    <span className="menu">
      <button type="button" className={`button plain${small ? ' small' : ''}`} aria-label={label} popoverTarget={id}>
        {children}<span aria-hidden="true">▾</span>
      </button>
      <div id={id} ref={list} popover="auto" className="popover">
        {actions.map((one) => (
          <button type="button" key={one.id} className="option" onClick={() => { list.current?.hidePopover(); one.onAction(); }}>
            {one.label}
          </button>
        ))}
      </div>
    </span>
  );
}
