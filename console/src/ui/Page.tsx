import { useEffect, useRef, type ReactNode } from 'react';

interface Props {
  title: string;
  /** Beside the title: what the page is for doing. */
  actions?: ReactNode;
  /** Set where something else takes the focus, such as a search box. */
  keepFocus?: boolean;
  children: ReactNode;
}

/** A page: its title in the window and as heading, which gets the focus when one comes to it. */
export function Page({ title, actions, keepFocus = false, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · PatronGraph`;
  }, [title]);
  useEffect(() => {
    if (!keepFocus) heading.current?.focus({ preventScroll: true });
  }, [keepFocus]);
  return (
    <>
      <header className="page-head">
        <h1 ref={heading} tabIndex={-1}>{title}</h1>
        {actions && <div className="page-actions no-print">{actions}</div>}
      </header>
      {children}
    </>
  );
}
