/** Ships the history to the ClickHouse of the configuration. */
import type { HistoryStore } from '@weir/history';
import type { Shipper } from '@weir/history/clickhouse';
import { parseTarget } from '@weir/history/clickhouse/target';
import type { ServeConfig } from '../config/serve-schema.js';

/** Where its journal is, and who reads what it says. */
export interface ShippingOptions {
  readonly journal: string;
  readonly say: (message: string) => void;
}

/** Loads what shipping needs, as most servers need none: before a process becomes a user who may not read it. */
export function loadShipping(): Promise<typeof import('@weir/history/clickhouse')> {
  return import('@weir/history/clickhouse');
}

/** Starts shipping. @throws Error of the system */
export async function startShipping(
  store: HistoryStore,
  config: NonNullable<ServeConfig['store']>,
  { journal, say }: ShippingOptions,
): Promise<Shipper> {
  const { Shipper, shipSource } = await loadShipping();
  const { url, passwordFile, ca, migrate, cluster, replicated, distributed, keep, spread } = config;
  const target = parseTarget(url);
  return Shipper.start({
    source: shipSource(store, store.folder),
    target,
    access: { ...(passwordFile !== undefined && { passwordFile }), ...(ca !== undefined && { caFile: ca }) },
    layout: {
      database: target.database,
      ...(cluster !== undefined && { cluster }),
      ...{ replicated, distributed, keptDays: keep },
    },
    migrate,
    spreadMs: spread,
    journal,
    say,
  });
}
