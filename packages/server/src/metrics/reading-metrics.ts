/** The metrics of a server that reads what many hosts have shipped. */
import { labels, type Metric, renderMetrics } from '@weir/balancer/metrics-text';
import type { NewestHour, ReadingFigures, ReadingStatus } from '@weir/history/clickhouse';
import { buildFamily, counter, gauge, processFamilies } from './server-families.js';

/** What is read. */
export interface ReadingSource {
  readonly status: ReadingStatus;
  readonly figures: ReadingFigures;
  newestHours(): Promise<readonly NewestHour[]>;
}

/** Hosts that have a series. */
const MOST_HOSTS = 2_000;
/** The database is asked about its hosts so often at most. */
const HOSTS_MS = 30_000;

/** Metrics as text. While the database does not answer, there are none about hosts. */
export function readingMetrics({
  version,
  reading,
}: {
  readonly version: string;
  readonly reading: ReadingSource;
}): { text(): Promise<string> } {
  let hosts: readonly NewestHour[] | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  const refresh = async () => {
    askedMs = performance.now();
    hosts = await reading.newestHours().catch(() => undefined);
  };
  return {
    async text() {
      if (performance.now() - askedMs >= HOSTS_MS)
        asking ??= refresh().finally(() => {
          asking = undefined;
        });
      await asking;
      const families = [buildFamily(version), ...readingFamilies(reading), ...hostFamilies(hosts)];
      return renderMetrics('weir_', families) + renderMetrics('', processFamilies());
    },
  };
}

function readingFamilies({ status, figures }: ReadingSource): Metric[] {
  return [
    gauge(
      'read_up',
      'Whether ClickHouse answered the last question: 1 or 0.',
      Number(status.state === 'reading'),
    ),
    counter('read_questions_total', 'Questions that ClickHouse was asked.', figures.questions),
    counter('read_question_failures_total', 'Questions without an answer.', figures.failures),
    counter('read_question_seconds_total', 'Time until questions were answered, or failed.', figures.seconds),
  ];
}

function hostFamilies(hosts: readonly NewestHour[] | undefined): Metric[] {
  if (hosts === undefined) return [];
  return [
    gauge('read_hosts', 'Hosts that have had rows in the last 30 days.', hosts.length),
    {
      name: 'read_host_newest_timestamp_seconds',
      help: 'The end of the newest hour with rows of a host, seconds since 1970; of many hosts, of those where it is oldest.',
      type: 'gauge',
      samples: hosts.slice(0, MOST_HOSTS).map(({ host, ends }) => [labels({ host }), ends]),
    },
  ];
}
