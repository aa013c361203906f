// How a change of a group is taken back: what to send, from what was seen before and what was answered.

export interface Seen {
  id: string;
  barcode: string | null;
  groupLead: boolean;
  group: { id: string } | null;
}

export interface Undo {
  /** Patrons to take out of their group; none when empty. */
  remove: string[];
  /** Patrons to put back, into a group by its id or, where it is gone, together with a former member by barcode. */
  back: { patronIds: string[]; into: { groupId: string } | { memberBarcode: string } }[];
  /** Who led the group that they go back to. */
  lead: string | undefined;
}

/**
 * After a move: whoever had no group leaves the new one, the others go back. Undefined when it cannot be taken back,
 * for a group that the move dissolved is not there to go back to. `founder` is whose barcode made the target group.
 */
export function undoMove(moved: readonly Seen[], dissolved: number, founder: string | undefined): Undo | undefined {
  if (dissolved > 0) return undefined;
  const groups = new Map<string, string[]>();
  for (const { id, group } of moved) if (group) groups.set(group.id, [...(groups.get(group.id) ?? []), id]);
  const remove = moved.filter((one) => !one.group).map((one) => one.id);
  return {
    remove: founder ? [...remove, founder] : remove,
    back: [...groups].map(([groupId, patronIds]) => ({ patronIds, into: { groupId } })),
    lead: moved.find((one) => one.groupLead)?.id,
  };
}

/** After a removal: they go back; when the group went with them, they make a new one. Undefined for a single member. */
export function undoRemoval(removed: readonly Seen[], dissolved: number, groupId: string): Undo | undefined {
  const patronIds = removed.map((one) => one.id);
  const lead = removed.find((one) => one.groupLead)?.id;
  if (dissolved === 0) return { remove: [], back: [{ patronIds, into: { groupId } }], lead };
  const founder = removed.find((one) => one.barcode !== null);
  if (!founder?.barcode || removed.length < 2) return undefined;
  const others = patronIds.filter((one) => one !== founder.id);
  return { remove: [], back: [{ patronIds: others, into: { memberBarcode: founder.barcode } }], lead };
}
