/** What the parts of a store share. */
import type { Schema } from '../schema/index.js';
import type { Owner } from './files.js';
import type { Layout } from './layout.js';

/** Something that users should learn about. */
export interface Notice {
  readonly kind: 'damaged' | 'disk-full' | 'read-only' | 'recovered' | 'rebuilt';
  /** A sentence for a log. */
  readonly message: string;
}

/** The steps of changes that have more than one: a test ends the process, or the step, at each. */
export type Step =
  | 'append:rows'
  | 'append:committed'
  | 'copy:written'
  | 'copy:synced'
  | 'copy:renamed'
  | 'copy:recorded'
  | 'copy:committed'
  | 'summary:inserted'
  | 'summary:committed'
  | 'retention:committed'
  | 'retention:unlinked'
  | 'migration:applied'
  | 'migration:committed'
  | 'damaged:renamed'
  | 'damaged:committed';

/** What the parts of a store share. */
export interface StoreContext {
  readonly layout: Layout;
  readonly owner: Owner | undefined;
  readonly schema: Schema;
  readonly step: (step: Step) => void | Promise<void>;
  readonly notice: (notice: Notice) => void;
}
