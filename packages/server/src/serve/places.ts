/** Where the parts of a server are in its folder. Pure. */
import { join } from 'node:path';

/** Paths below a folder. */
export interface ServerPlaces {
  /** The history itself. */
  readonly history: string;
  /** The log of balancers. */
  readonly balancers: string;
  /** Digests of tokens. */
  readonly tokens: string;
  readonly audit: string;
  /** What was shipped to ClickHouse. */
  readonly shipped: string;
  /** Files that are received or unpacked. */
  readonly temporary: string;
}

/** The paths of a server whose folder that is. */
export function serverPlaces(folder: string): ServerPlaces {
  return {
    history: join(folder, 'history'),
    balancers: join(folder, 'balancers'),
    tokens: join(folder, 'tokens.json'),
    audit: join(folder, 'audit.log'),
    shipped: join(folder, 'shipped'),
    temporary: join(folder, 'tmp'),
  };
}
