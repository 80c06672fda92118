/** Rows with values as they occur, few of each so that groups have several. */
import type { EndRow, IntervalRow, OpenRow } from '../../src/schema/index.js';
import type { Random } from './random-rows.js';
import { HOUR } from './store.js';

function connection(random: Random) {
  const comm = random.pick(['curl', 'nginx', 'postgres', undefined]);
  const unit = random.pick(['nginx.service', 'cron.service', undefined]);
  const isInbound = random.below(2) === 0;
  return {
    host_id: 7n,
    time: HOUR,
    monotonic_ns: random.below(1e9),
    flow_ns: random.wide() >> 4n,
    flow_cpu: random.below(8),
    transport: 'tcp',
    family: 'ipv4',
    netns: 4_026_531_840,
    local_address: '10.0.0.1',
    local_port: isInbound ? 443 : 32_768 + random.below(1000),
    peer_address: `10.0.0.${random.below(5)}`,
    peer_port: isInbound ? 32_768 + random.below(1000) : 443,
    direction: isInbound ? 'inbound' : 'outbound',
    pid: random.below(100),
    ...(random.below(5) > 0 && { uid: random.below(3) }),
    ...(comm !== undefined && { comm }),
    ...(unit !== undefined && { unit }),
  };
}

function figures(random: Random) {
  return {
    bytes_sent: random.below(100_000),
    bytes_received: random.below(100_000),
    segments_sent: random.below(100),
    segments_received: random.below(100),
    retransmits: random.below(3),
    srtt_us: random.below(1000),
  };
}

export function plainEnd(random: Random, values: Partial<EndRow>): EndRow {
  return {
    ...connection(random),
    ...figures(random),
    event: random.pick(['close', 'close', 'close', 'fail']),
    duration_us: random.below(1_000_000),
    ...(random.below(3) > 0 && { handshake_us: random.below(1000) }),
    interval_rows: random.pick([0, 0, 2]),
    ...values,
  };
}

export function plainInterval(random: Random, values: Partial<IntervalRow>): IntervalRow {
  return { ...connection(random), ...figures(random), span_us: 60_000_000, ...values };
}

export function plainOpen(random: Random, values: Partial<OpenRow>): OpenRow {
  return { ...connection(random), ...figures(random), state: 'established', ...values };
}
