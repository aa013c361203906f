import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { MoverFragmentDoc, unmask, type MoverFragment } from '../graphql/generated/index.ts';
import { statusWords } from '../patrons/words.ts';
import { Chip } from '../ui/Chip.tsx';
import { day } from '../words/format.ts';
import type { MovePreview } from './MoveDialog.tsx';

/** Who would move and what comes of it, so that staff see the person and not only a number. */
export function Movers({ preview, asksFor }: { preview: MovePreview; asksFor: 'mover' | 'target' }) {
  const movers = unmask(MoverFragmentDoc, asksFor === 'mover' ? preview.patrons : preview.moving);
  const target = unmask(MoverFragmentDoc, preview.targetMember);
  const dissolved = preview.dissolved.length;
  return (
    <div role="status" className="movers">
      {asksFor === 'target' && target && <Person person={target} />}
      {asksFor === 'mover' && movers.map((one) => <Person key={one.id} person={one} />)}
      {preview.changed === 0 ? (
        <p><Trans>Already in this group: there is nothing to move.</Trans></p>
      ) : (
        <ul className="consequences">
          {asksFor === 'target' && <li><Plural value={preview.changed} one="# patron moves to this group." other="# patrons move to this group." /></li>}
          {!preview.targetGroup && <li><Trans>A new group is made.</Trans></li>}
          {movers.some((one) => one.group) && <li><Trans>The former group is left, and consents given in it end.</Trans></li>}
          {movers.some((one) => one.groupLead) && <li><Trans>The former group loses its lead.</Trans></li>}
          {dissolved > 0 && <li><Trans>The former group has no other member and is dissolved; this cannot be undone.</Trans></li>}
        </ul>
      )}
    </div>
  );
}

function Person({ person }: { person: MoverFragment }) {
  const { i18n } = useLingui();
  return (
    <div className="person">
      <strong>{person.displayName || person.barcode}</strong>
      <span className="mono">{person.barcode}</span>
      {person.dateOfBirth && <span className="soft"><Trans>Born {day(person.dateOfBirth)}</Trans></span>}
      <span className="chips">
        {person.status !== 'ACTIVE' && <Chip>{i18n._(statusWords[person.status])}</Chip>}
        {person.group
          ? <Chip tone="accent"><Plural value={person.group.memberCount} one="In a group of #" other="In a group of #" /></Chip>
          : <Chip><Trans>In no group</Trans></Chip>}
        {person.groupLead && <Chip tone="accent"><Trans>Lead</Trans></Chip>}
      </span>
    </div>
  );
}
