/** What a balancer counts and knows, as Prometheus reads it. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { RealStatus, ServiceStatus } from './balancer.js';
import type { Counters } from './counters.js';
import type { ServiceHealth } from './health/checked-services.js';
import { counterFamilies } from './metrics-counters.js';
import type { Service } from './service.js';

export { MetricsServer } from './metrics-server.js';

/** Where values come from, each time that they are read. A {@link Balancer} has the first three. */
export interface MetricsSource {
  counters(): Counters;
  services(): readonly ServiceStatus[];
  reals(): readonly RealStatus[];
  health?(): readonly ServiceHealth[];
  readonly version: string;
}

const PREFIX = 'weir_balancer_';
const serviceLabels = ['address', 'port', 'protocol'] as const;
const conditions = ['unknown', 'up', 'held', 'down'] as const;
const states = ['unknown', 'up', 'down'] as const;

/** All metrics of a balancer. Their values are what it says at the moment of reading; nothing is kept here. */
export function metricsRegistry(source: MetricsSource): Registry {
  const registry = new Registry();
  const registers = [registry];
  const named = (name: string, help: string) => ({ name: PREFIX + name, help, registers });

  new Gauge({
    ...named('build_info', 'The version of the control plane; always 1.'),
    labelNames: ['version'],
  }).set({ version: source.version }, 1);
  addCounters(registers, () => source.counters());
  addTraffic(
    registers,
    'service',
    'of a service',
    serviceLabels,
    () => source.services(),
    ({ service }) => labelsOf(service),
  );
  addTraffic(
    registers,
    'real',
    'to a real, of all its services',
    ['real'],
    () => source.reals(),
    ({ address: real }) => ({ real }),
  );
  new Gauge({
    ...named('real_weight', 'Weight of a real in the ring of a service; 0 if it gets no new flows.'),
    labelNames: [...serviceLabels, 'real'],
    collect() {
      this.reset();
      for (const { service, spec } of source.services()) {
        for (const { address: real, weight = 1 } of spec.reals) {
          this.set({ ...labelsOf(service), real }, weight);
        }
      }
    },
  });
  if (source.health !== undefined) addHealth(registers, () => source.health!());
  return registry;
}

function labelsOf({ address, port, protocol }: Service) {
  return { address, port, protocol };
}

function addCounters(registers: Registry[], read: () => Counters): void {
  for (const { name, help, label, counters } of counterFamilies()) {
    new Counter({
      name: PREFIX + name,
      help,
      registers,
      labelNames: label === undefined ? [] : [label],
      collect() {
        this.reset();
        const now = read();
        for (const { counter, value } of counters) {
          this.inc(label === undefined ? {} : { [label]: value }, now[counter]);
        }
      },
    });
  }
}

function addTraffic<T extends { readonly packets: number; readonly bytes: number }, L extends string>(
  registers: Registry[],
  name: string,
  what: string,
  labelNames: readonly L[],
  read: () => readonly T[],
  labels: (status: T) => Record<L, string | number>,
): void {
  const help = {
    packets: `Packets ${what} that were forwarded.`,
    bytes: `Bytes ${what} that were forwarded, without Ethernet and outer headers.`,
  };
  for (const unit of ['packets', 'bytes'] as const) {
    new Counter({
      name: `${PREFIX}${name}_${unit}_total`,
      help: help[unit],
      registers,
      labelNames,
      collect() {
        this.reset();
        for (const status of read()) this.inc(labels(status), status[unit]);
      },
    });
  }
}

function addHealth(registers: Registry[], read: () => readonly ServiceHealth[]): void {
  const perReal = [...serviceLabels, 'real'] as const;
  const named = (name: string, help: string) => ({ name: PREFIX + name, help, registers });
  new Gauge({
    ...named('service_state', 'Health of a service: 1 for its state, 0 for the others.'),
    labelNames: [...serviceLabels, 'state'],
    collect() {
      this.reset();
      for (const { service, state: is } of read()) {
        for (const state of states) this.set({ ...labelsOf(service), state }, Number(state === is));
      }
    },
  });
  new Gauge({
    ...named('service_reals_up', 'Reals of a service that have a weight and are well.'),
    labelNames: serviceLabels,
    collect() {
      this.reset();
      for (const { service, up } of read()) this.set(labelsOf(service), up);
    },
  });
  new Gauge({
    ...named('real_condition', 'What health checks say of a real: 1 for its condition, 0 for the others.'),
    labelNames: [...perReal, 'condition'],
    collect() {
      this.reset();
      for (const { service, real, health } of checkedReals(read())) {
        for (const condition of conditions) {
          this.set({ ...labelsOf(service), real, condition }, Number(condition === health.condition));
        }
      }
    },
  });
  new Counter({
    ...named('health_checks_total', 'Health checks of a real.'),
    labelNames: [...perReal, 'result'],
    collect() {
      this.reset();
      for (const { service, real, health } of checkedReals(read())) {
        this.inc({ ...labelsOf(service), real, result: 'passed' }, health.passed);
        this.inc({ ...labelsOf(service), real, result: 'failed' }, health.failed);
      }
    },
  });
  new Gauge({
    ...named('health_check_duration_seconds', 'How long the last health check of a real took.'),
    labelNames: perReal,
    collect() {
      this.reset();
      for (const { service, real, health } of checkedReals(read())) {
        if (health.tookMs !== undefined) this.set({ ...labelsOf(service), real }, health.tookMs / 1000);
      }
    },
  });
}

function checkedReals(services: readonly ServiceHealth[]) {
  return services.flatMap(({ service, reals }) =>
    reals.flatMap(({ address: real, health }) => (health === undefined ? [] : [{ service, real, health }])),
  );
}
