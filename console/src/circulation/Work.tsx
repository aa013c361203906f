/** A title with its author under it. */
export function Work({ title, author }: { title: string; author: string }) {
  return <span className="work"><b>{title}</b>{author && <span className="soft">{author}</span>}</span>;
}
