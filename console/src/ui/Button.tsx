import { Button as Base, ProgressBar, type ButtonProps } from 'react-aria-components';
import type { ReactNode } from 'react';

/** `primary` once a view; `danger` for the final destructive button alone; `quiet` in rows and bars. */
export type ButtonKind = 'primary' | 'plain' | 'quiet' | 'danger';

export interface Props extends Omit<ButtonProps, 'className' | 'style' | 'children'> {
  kind?: ButtonKind;
  small?: boolean;
  children: ReactNode;
}

/** While `isPending` it can be focused and pressed, and does nothing. */
export function Button({ kind = 'plain', small = false, isPending = false, children, ...rest }: Props) {
  return (
    <Base {...rest} isPending={isPending} className={`button ${kind}${small ? ' small' : ''}`}>
      {isPending && <ProgressBar aria-label="…" isIndeterminate className="spinner"><i /></ProgressBar>}
      {children}
    </Base>
  );
}
