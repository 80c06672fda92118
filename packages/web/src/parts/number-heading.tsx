/** The heading of a column of numbers. */
import type { ComponentChildren, VNode } from 'preact';

/** @param isMinor Whether a narrow window leaves the column out. */
export function NumberHeading({
  children,
  isMinor = false,
}: {
  readonly children: ComponentChildren;
  readonly isMinor?: boolean;
}): VNode {
  return (
    <th scope="col" class={isMinor ? 'is-number is-minor' : 'is-number'}>
      {children}
    </th>
  );
}
