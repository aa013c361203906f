// Light, dark, or what the device says; kept on the device.
import { useCallback, useState } from 'react';

export type Scheme = 'auto' | 'light' | 'dark';

const STORED = 'patrongraph.scheme';
const ORDER: Scheme[] = ['auto', 'light', 'dark'];

export function nextScheme(scheme: Scheme): Scheme {
  return ORDER[(ORDER.indexOf(scheme) + 1) % ORDER.length] ?? 'auto';
}

export function storedScheme(): Scheme {
  const stored = localStorage.getItem(STORED);
  return ORDER.find((one) => one === stored) ?? 'auto';
}

export function applyScheme(scheme: Scheme): void {
  if (scheme === 'auto') delete document.documentElement.dataset.scheme;
  else document.documentElement.dataset.scheme = scheme;
}

export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const [scheme, setScheme] = useState(storedScheme);
  const change = useCallback((next: Scheme) => {
    localStorage.setItem(STORED, next);
    applyScheme(next);
    setScheme(next);
  }, []);
  return [scheme, change];
}
