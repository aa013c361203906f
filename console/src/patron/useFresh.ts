// A patron has no subscription: what somebody else did is looked up whenever the viewer comes back to the window.
import { useEffect } from 'react';

export function useFresh(again: (options: { requestPolicy: 'network-only' }) => void): void {
  useEffect(() => {
    const look = () => again({ requestPolicy: 'network-only' });
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, [again]);
}
