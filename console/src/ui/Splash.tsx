/** What is shown before anything is known: quiet, and without words, for no language is loaded yet. */
export function Splash() {
  return <div className="splash" aria-busy="true"><i /></div>;
}
