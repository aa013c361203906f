/** The list with that one first, once, and no longer than `most`. */
export function withFirst<One>(list: readonly One[], first: One, most: number): readonly One[] {
  return [first, ...list.filter((one) => one !== first)].slice(0, most);
}
