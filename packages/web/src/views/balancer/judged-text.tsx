/** A state in a word with a mark before it: not only the colour says how it is. */
import type { VNode } from 'preact';
import { Name } from '../../parts/name.js';
import type { Judged } from './balancer-words.js';

const marks: Readonly<Record<Judged['mark'], string>> = { good: '●', warn: '◐', bad: '▲', none: '○' };

/** Shows it. */
export function JudgedText({ judged: { text, mark } }: { readonly judged: Judged }): VNode {
  return (
    <span class={`balancer-state is-${mark}`}>
      <span aria-hidden="true">{marks[mark]}</span> <Name name={text} />
    </span>
  );
}
