/** A part of a view, with a title. */
import type { ComponentChildren, VNode } from 'preact';
import { useId } from 'preact/hooks';
import type { Asked } from '../api/use-answer.js';

/** What a panel has. */
export interface PanelProps<Answer> {
  readonly title: string;
  /** Beside the title, such as a link to more. */
  readonly aside?: ComponentChildren;
  /** What it shows comes from it: a problem is said (a banner says it where no server answers), and what is old looks old. */
  readonly asked?: Asked<Answer>;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** Shows it. */
export function Panel<Answer>({
  title,
  aside,
  asked,
  class: name = '',
  children,
}: PanelProps<Answer>): VNode {
  const id = useId();
  const isBusy = asked?.isStale === true && asked.problem === undefined;
  const isOld = asked?.problem !== undefined && asked.answer !== undefined;
  return (
    <section class={`panel ${name} ${isOld ? 'is-old' : ''}`} aria-labelledby={id} aria-busy={isBusy}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {asked?.problem !== undefined && asked.problem.status !== 0 && (
        <p class="notice is-bad">{asked.problem.message}</p>
      )}
      {asked !== undefined && asked.answer === undefined ? (
        asked.problem === undefined && <p class="empty">…</p>
      ) : (
        <div class="panel-body">{children}</div>
      )}
    </section>
  );
}
