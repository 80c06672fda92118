/** A name that somebody else chose. */
import type { VNode } from 'preact';
import { LONGEST_NAME, nameParts, shortName, visibleName } from '../format/name-text.js';
import { UNKNOWN } from '../format/number-text.js';

/** What to show. */
export interface NameProps {
  /** null or undefined: not known. */
  readonly name: string | number | null | undefined;
}

/** Shows it so that it can neither hide, nor reorder, nor be taken for anything around it. */
export function Name({ name }: NameProps): VNode {
  if (name === null || name === undefined) return <span class="unknown">{UNKNOWN}</span>;
  const text = String(name);
  if (text === '') return <span class="unknown">""</span>;
  if (text.length > LONGEST_NAME) {
    return (
      <bdi class="name" title={visibleName(text)}>
        {shortName(text)}
      </bdi>
    );
  }
  return (
    <bdi class="name">
      {nameParts(text).map(({ text: part, isCode }) =>
        isCode ? <span class="code-point">{part}</span> : part,
      )}
    </bdi>
  );
}
