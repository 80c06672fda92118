/** Names with values. */
import type { ComponentChildren, VNode } from 'preact';

/** A name with its value. */
export interface Setting {
  readonly name: string;
  readonly value: ComponentChildren;
  readonly isBad?: boolean;
}

/** Shows them. */
export function SettingsList({ list }: { readonly list: readonly Setting[] }): VNode {
  return (
    <dl class="settings-list">
      {list.map(({ name, value, isBad = false }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={isBad ? 'is-bad' : ''}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
