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

/** Starts shipping; its client is loaded here, as most servers need none. @throws Error of the system */
export async function startShipping(
  store: HistoryStore,
  config: NonNullable<ServeConfig['store']>,
  { journal, say }: ShippingOptions,
): Promise<Shipper> {
  const { Shipper, shipSource } = await import('@weir/history/clickhouse');
  const { url, passwordFile, ca, migrate, cluster, replicated, distributed, keep } = config;
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
    journal,
    say,
  });
}
