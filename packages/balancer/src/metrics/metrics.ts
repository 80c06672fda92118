/** Metrics of a balancer: counters, traffic and health. */

import type { Counters, Traffic } from '../datapath/counters.js';
import type { ServiceHealth } from '../health/checked-services.js';
import type { RealHealth } from '../health/monitor.js';
import type { Service } from '../service.js';
import type { RealStatus, ServiceStatus } from '../status.js';
import { counterFamilies } from './metrics-counters.js';
import { type Labels, labels, type Metric, noLabels, renderMetrics, withLabel } from './metrics-text.js';

/** Source of the values. A {@link Balancer} has the first three methods. */
export interface MetricsSource {
  /** Counts of the whole balancer. */
  counters(): Counters;
  /** The services with their traffic. */
  services(): readonly ServiceStatus[];
  /** The reals with their traffic. */
  reals(): readonly RealStatus[];
  /** The health of the services' reals, where it is checked. */
  health?(): readonly ServiceHealth[];
  readonly version: string;
}

const namePrefix = 'weir_balancer_';
const conditions = ['unknown', 'up', 'held', 'down'] as const;
const states = ['unknown', 'up', 'down'] as const;

/** The present metrics of a balancer, in Prometheus' text format. */
export function metricsText(source: MetricsSource): string {
  const services = source.services();
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
    ...traffic(
      'real',
      'to a real, of all its services',
      source.reals().map((status) => [labels({ real: realLabel(status) }), status] as const),
    ),
    {
      name: 'real_weight',
      help: 'Weight of a real in the ring of a service; 0 if the real gets no new flows.',
      type: 'gauge',
      samples: services.flatMap(({ service, spec, keptWeights }) => {
        const text = serviceLabels(service);
        return spec.reals.map(
          (real, i) =>
            [withLabel(text, 'real', realLabel(real)), keptWeights?.[i] ?? real.weight ?? 1] as const,
        );
      }),
    },
    ...(source.health === undefined ? [] : health(source.health())),
  ]);
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
      name: 'health_check_duration_seconds',
      help: 'Duration of the last health check of a real.',
      type: 'gauge',
      samples: checked.flatMap(([text, { tookMs }]) =>
        tookMs === undefined ? [] : [[text, tookMs / 1000] as const],
      ),
    },
  ];
}
