/** How Weir lays its tables out in ClickHouse. Pure. */
import { OptionError } from '@weir/ebpf/errors';
import type { TableName } from '../schema/index.js';

/** Tables of the history that ClickHouse has, too. */
export const shippedTables = [
  'ends',
  'intervals',
  'opens',
  'losses',
  'hosts',
] as const satisfies readonly TableName[];
/** Name of such a table. */
export type ShippedTable = (typeof shippedTables)[number];

/** Days for which ClickHouse keeps rows. */
export interface KeptDays {
  readonly ends: number;
  readonly intervals: number;
  readonly opens: number;
  readonly losses: number;
  /** Sums by the minute. */
  readonly minutes: number;
  /** Sums by the hour. */
  readonly hours: number;
}

/** What is kept unless the configuration says otherwise. */
export const defaultKeptDays: KeptDays = {
  ends: 30,
  intervals: 30,
  opens: 7,
  losses: 730,
  minutes: 90,
  hours: 730,
};

/** Where the tables are, and with which engines. */
export interface ClickhouseLayout {
  readonly database: string;
  /** The cluster on whose hosts statements of the schema are executed. Default: the host that is connected to, alone. */
  readonly cluster?: string;
  /** Whether tables are replicated, which needs ClickHouse Keeper and the macros `shard` and `replica`. Default: false. */
  readonly replicated?: boolean;
  /** Whether rows are spread over the cluster's shards by their host. Default: false. */
  readonly distributed?: boolean;
  /** Only for tables that are made. Default: {@link defaultKeptDays}. */
  readonly keptDays?: Partial<KeptDays>;
}

/** @throws OptionError for a layout that makes no sense */
export function checkLayout({ database, cluster, distributed, keptDays = {} }: ClickhouseLayout): void {
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(database))
    throw new OptionError(`database: ${JSON.stringify(database)} is no name of letters, digits, _ and -`);
  if (distributed === true && cluster === undefined)
    throw new OptionError('distributed: rows can only be spread over a cluster, set its name');
  // ClickHouse's DateTime ends in 2106.
  for (const [name, days] of Object.entries(keptDays))
    if (!(Number.isInteger(days) && days >= 1 && days <= 20_000))
      throw new OptionError(`${name}: expected a number of days from 1 to 20000`);
}
