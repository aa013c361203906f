import type { ReactNode } from 'react';
import { Dialog as Base, Heading, Modal, ModalOverlay } from 'react-aria-components';

interface Props {
  title: string;
  isOpen: boolean;
  onClose(): void;
  /** Ends with a <footer> of buttons, the one that acts last. */
  children: ReactNode;
  /** For what must be answered: a click beside it does not close it. */
  firm?: boolean;
  wide?: boolean;
}

/** A modal dialog. Escape closes it; focus goes in, stays in, and goes back to where it was. */
export function Dialog({ title, isOpen, onClose, children, firm = false, wide = false }: Props) {
  return (
    <ModalOverlay className="shade" isOpen={isOpen} isDismissable={!firm} onOpenChange={(open) => open || onClose()}>
      <Modal className={wide ? 'modal wide' : 'modal'}>
        <Base className="dialog">
          <Heading slot="title">{title}</Heading>
          {children}
        </Base>
      </Modal>
    </ModalOverlay>
  );
}
