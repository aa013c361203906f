// What has no subscription is looked up again whenever the viewer comes back to the window: somebody else may have done something.
import { useEffect } from 'react';

export function useFresh(again: (options: { requestPolicy: 'network-only' }) => void): void {
  useEffect(() => {
    const look = () => again({ requestPolicy: 'network-only' });
    window.addEventListener('focus', look);
    return () => window.removeEventListener('focus', look);
  }, [again]);
}
