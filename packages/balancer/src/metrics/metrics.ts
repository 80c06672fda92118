/** Metrics of a balancer: counters, traffic and health. */

import type { Counters, CpuStatus, Misses, Traffic } from '../datapath/counters.js';
import type { UnsentCounts } from '../device/unsent-packets.js';
import type { ServiceHealth } from '../health/checked-services.js';
import type { RealHealth } from '../health/monitor.js';
import { realKey, type Service, serviceName } from '../service.js';
import type { ServiceSource } from '../sources/real-sources.js';
import type { RealStatus, ServiceStatus, TableStatus } from '../status.js';
import type { SyncStatus } from '../sync/sync-status.js';
import { counterFamilies } from './metrics-counters.js';
import { syncMetrics } from './metrics-sync.js';
import { type Labels, labels, type Metric, noLabels, renderMetrics, withLabel } from './metrics-text.js';

/** Source of the values. A {@link Balancer} has the first three methods. */
export interface MetricsSource {
  /** Counts of the whole balancer. */
  counters(): Counters;
  /** The services with their traffic. */
  services(): readonly ServiceStatus[];
  /** The reals with their traffic. */
  reals(): readonly RealStatus[];
  /** How full the program's tables are. */
  tables?(): readonly TableStatus[];
  /** The counters of each CPU. */
  cpuCounters?(): readonly CpuStatus[];
  /** The health of the services' reals, where it is checked. */
  health?(): readonly ServiceHealth[];
  /** The sources of the services' reals, where these come from elsewhere. */
  sources?(): readonly ServiceSource[];
  /** Flows shared with other balancers; undefined without `sync`. */
  sync?(): SyncStatus | undefined;
  /** Packets that a driver did not take; undefined where the kernel does not say. */
  unsent?(): UnsentCounts | undefined;
  readonly version: string;
}

const namePrefix = 'weir_balancer_';
const conditions = ['unknown', 'up', 'held', 'down'] as const;
const states = ['unknown', 'up', 'down'] as const;

/** The present metrics of a balancer, in Prometheus' text format. */
export function metricsText(source: MetricsSource): string {
  const services = source.services();
  // The weights in the program's tables may be a multiple.
  const ringWeights = new Map(
    (source.health?.() ?? []).map(({ service, reals }) => [
      serviceName(service),
      new Map(reals.map((real) => [realKey(real), real.ringWeight])),
    ]),
  );
  return renderMetrics(namePrefix, [
    {
      name: 'build_info',
      help: 'The version of the control plane; always 1.',
      type: 'gauge',
      samples: [[labels({ version: source.version }), 1]],
    },
    ...counters(source.counters()),
    ...traffic(
      'service',
      'of a service',
      services.map((status) => [serviceLabels(status.service), status] as const),
    ),
    misses(
      'service',
      services.map((status) => [serviceLabels(status.service), status] as const),
    ),
    ...traffic(
      'real',
      'to a real, of all its services',
      source.reals().map((status) => [labels({ real: realLabel(status) }), status] as const),
    ),
    misses(
      'real',
      source.reals().map((status) => [labels({ real: realLabel(status) }), status] as const),
    ),
    ...cpuMetrics(source.cpuCounters?.() ?? []),
    ...tableMetrics(source.tables?.() ?? []),
    ...syncMetrics(source.sync?.()),
    ...unsentMetrics(source.unsent?.()),
    {
      name: 'real_weight',
      help: 'Weight of a real in the ring of a service; 0 if the real gets no new flows.',
      type: 'gauge',
      samples: services.flatMap(({ service, spec, keptWeights }) => {
        const text = serviceLabels(service);
        const known = ringWeights.get(serviceName(service));
        return spec.reals.map((real, i) => {
          const weight = keptWeights?.[i] ?? known?.get(realKey(real)) ?? real.weight ?? 1;
          return [withLabel(text, 'real', realLabel(real)), weight] as const;
        });
      }),
    },
    ...(source.health === undefined ? [] : health(source.health())),
    ...(source.sources === undefined ? [] : sourceMetrics(source.sources())),
  ]);
}

function unsentMetrics(unsent: UnsentCounts | undefined): Metric[] {
  if (unsent === undefined) return [];
  return [
    {
      name: 'unsent_packets_total',
      help: 'Packets that were sent on and that a driver did not take, since the control plane started.',
      type: 'counter',
      samples: [
        [labels({ verdict: 'tx' }), unsent.transmitted],
        [labels({ verdict: 'redirect' }), unsent.redirected],
      ],
    },
  ];
}

function sourceMetrics(sources: readonly ServiceSource[]): Metric[] {
  const named = sources.map(
    ({ service, status }) => [withLabel(serviceLabels(service), 'kind', status.kind), status] as const,
  );
  const now = Date.now();
  return [
    {
      name: 'source_up',
      help: "Whether the source of a service's reals answers: 1, else 0.",
      type: 'gauge',
      samples: named.map(([text, { state }]) => [text, Number(state === 'answers')]),
    },
    {
      name: 'source_answer_age_seconds',
      help: 'Time since the source last answered.',
      type: 'gauge',
      samples: named.flatMap(([text, { answered }]) =>
        answered === undefined ? [] : [[text, (now - Date.parse(answered)) / 1000] as const],
      ),
    },
    {
      name: 'source_failures_total',
      help: 'How often the source did not answer, or not as it should.',
      type: 'counter',
      samples: named.map(([text, { failures }]) => [text, failures]),
    },
    {
      name: 'source_reals',
      help: 'Reals in the last answer of the source that the service can use.',
      type: 'gauge',
      samples: named.map(([text, { found }]) => [text, found]),
    },
    {
      name: 'source_reals_skipped',
      help: 'Reals in the last answer of the source that the service cannot use.',
      type: 'gauge',
      samples: named.map(([text, { skipped }]) => [text, skipped]),
    },
    {
      name: 'source_changes_pending',
      help: 'Differences to the last answer of the source that do not count yet.',
      type: 'gauge',
      samples: named.map(([text, { pending }]) => [text, pending]),
    },
  ];
}

function serviceLabels({ address, port, protocol }: Service): Labels {
  return labels({ address, port, protocol });
}

/** A real's address, with its port where that is not the service's: another port is another real. */
function realLabel({ address, port }: { readonly address: string; readonly port?: number }): string {
  if (port === undefined) return address;
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function counters(now: Counters): Metric[] {
  return counterFamilies().map(({ name, help, label, counters }) => ({
    name,
    help,
    type: 'counter',
    samples: counters.map(({ counter, value }) => [
      label === undefined ? noLabels : labels({ [label]: value }),
      now[counter],
    ]),
  }));
}

function traffic(name: string, what: string, all: readonly (readonly [Labels, Traffic])[]): Metric[] {
  return [
    {
      name: `${name}_packets_total`,
      help: `Packets ${what} that were forwarded.`,
      type: 'counter',
      samples: all.map(([text, { packets }]) => [text, packets]),
    },
    {
      name: `${name}_bytes_total`,
      help: `Bytes ${what} that were forwarded, without Ethernet and outer headers.`,
      type: 'counter',
      samples: all.map(([text, { bytes }]) => [text, bytes]),
    },
  ];
}

function misses(name: string, all: readonly (readonly [Labels, { readonly misses?: Misses }])[]): Metric {
  return {
    name: `${name}_flow_misses_total`,
    help: 'Packets whose flow was not in the flow table; SYNs are not looked up.',
    type: 'counter',
    samples: all.flatMap(([text, { misses: { syn, other } = { syn: 0, other: 0 } }]) => [
      [withLabel(text, 'packet', 'syn'), syn] as const,
      [withLabel(text, 'packet', 'other'), other] as const,
    ]),
  };
}

function cpuMetrics(cpus: readonly CpuStatus[]): Metric[] {
  const perCpu = (name: string, help: string, counter: keyof Counters): Metric => ({
    name,
    help,
    type: 'counter',
    samples: cpus.map((each) => [labels({ cpu: each.cpu }), each.counters[counter]]),
  });
  return [
    perCpu('cpu_packets_total', 'Packets that the program received on a CPU.', 'packets'),
    perCpu('cpu_flow_misses_total', 'Packets on a CPU, other than SYNs, of unknown flows.', 'flowMissOther'),
  ];
}

function tableMetrics(tables: readonly TableStatus[]): Metric[] {
  return [
    {
      name: 'table_entries',
      help: 'Entries in a table of the program; for large tables an estimate.',
      type: 'gauge',
      samples: tables.map(({ name, used }) => [labels({ table: name }), used]),
    },
    {
      name: 'table_capacity',
      help: 'Entries for which a table of the program has room.',
      type: 'gauge',
      samples: tables.map(({ name, size }) => [labels({ table: name }), size]),
    },
  ];
}

function health(services: readonly ServiceHealth[]): Metric[] {
  const named = services.map((service) => [serviceLabels(service.service), service] as const);
  const checked = named.flatMap(([text, { reals }]) =>
    reals.flatMap((real): [Labels, RealHealth][] =>
      real.health === undefined ? [] : [[withLabel(text, 'real', realLabel(real)), real.health]],
    ),
  );
  return [
    {
      name: 'service_state',
      help: 'State of a service: 1 for the present one, 0 for the others.',
      type: 'gauge',
      samples: named.flatMap(([text, service]) =>
        states.map((state) => [withLabel(text, 'state', state), Number(state === service.state)] as const),
      ),
    },
    {
      name: 'service_reals_up',
      help: 'Reals of a service that are up and have a weight.',
      type: 'gauge',
      samples: named.map(([text, { up }]) => [text, up]),
    },
    {
      name: 'real_condition',
      help: 'Condition of a real: 1 for the present one, 0 for the others.',
      type: 'gauge',
      samples: checked.flatMap(([text, real]) =>
        conditions.map(
          (condition) =>
            [withLabel(text, 'condition', condition), Number(condition === real.condition)] as const,
        ),
      ),
    },
    {
      name: 'health_checks_total',
      help: 'Health checks of a real.',
      type: 'counter',
      samples: checked.flatMap(([text, { passed, failed }]) => [
        [withLabel(text, 'result', 'passed'), passed] as const,
        [withLabel(text, 'result', 'failed'), failed] as const,
      ]),
    },
    {
      name: 'real_certificate_expiry_timestamp_seconds',
      help: 'When the certificate of a real expires, seconds since 1970.',
      type: 'gauge',
      samples: checked.flatMap(([text, { certificateExpires: expires }]) =>
        expires === undefined ? [] : [[text, expires.getTime() / 1000] as const],
      ),
    },
    {
      name: 'health_check_duration_seconds',
      help: 'Duration of the last health check of a real.',
      type: 'gauge',
      samples: checked.flatMap(([text, { tookMs }]) =>
        tookMs === undefined ? [] : [[text, tookMs / 1000] as const],
      ),
    },
  ];
}
