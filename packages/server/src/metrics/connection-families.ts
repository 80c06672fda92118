/** The metrics of connections, from what was counted. Pure. */
import { type Labels, type Metric, withLabel } from '@weir/balancer/metrics-text';
import { closers, type HistogramName, type LabelSet, TIME_BOUNDS, type TimeHistogram } from './label-set.js';

type Samples = (readonly [Labels, number])[];

/** Metrics of all sets of labels, each name once. */
export function connectionFamilies(all: Iterable<LabelSet>): Metric[] {
  const sets = [...all];
  const values = (value: (set: LabelSet) => number): Samples => sets.map((set) => [set.text, value(set)]);
  return [
    {
      name: 'connections_opened_total',
      help: 'Connections that were established or accepted; flows of UDP.',
      type: 'counter',
      samples: values(({ opened }) => opened),
    },
    {
      name: 'connections_closed_total',
      help: 'Connections that have ended, by who closed them.',
      type: 'counter',
      samples: sets.flatMap(closedSamples),
    },
    {
      name: 'connections_failed_total',
      help: 'Attempts to connect that have failed, by the name of the error.',
      type: 'counter',
      samples: sets.flatMap(({ text, failed }) =>
        [...failed].map(([error, count]) => [withLabel(text, 'error', error), count] as const),
      ),
    },
    {
      name: 'connections_open',
      help: 'Connections that are open, as far as the last look at live connections has found them.',
      type: 'gauge',
      samples: values(({ open }) => open),
    },
    {
      name: 'sent_bytes_total',
      help: 'Payload bytes that peers have acknowledged; of UDP, that were sent.',
      type: 'counter',
      samples: values(({ sent }) => sent),
    },
    {
      name: 'received_bytes_total',
      help: 'Payload bytes that have arrived.',
      type: 'counter',
      samples: values(({ received }) => received),
    },
    {
      name: 'tcp_retransmits_total',
      help: 'Segments that were sent again.',
      type: 'counter',
      samples: sets.flatMap(({ text, isTcp, retransmits }) => (isTcp ? [[text, retransmits] as const] : [])),
    },
    histogram(sets, 'handshake', 'tcp_handshake_seconds', 'From the SYN of this host to the connection.'),
    histogram(
      sets,
      'rtt',
      'tcp_rtt_seconds',
      'Smoothed round-trip time, once a minute in which a connection moved something, or at its end.',
    ),
  ];
}

function closedSamples({ text, closed }: LabelSet): Samples {
  return closers.flatMap((closer, index) => {
    const count = closed[index];
    return count === undefined ? [] : [[withLabel(text, 'closed_by', closer), count] as const];
  });
}

function histogram(sets: readonly LabelSet[], times: HistogramName, name: string, help: string): Metric {
  const samples = sets.flatMap(({ text, times: { [times]: value } }): [Labels, TimeHistogram][] =>
    value === undefined ? [] : [[text, value]],
  );
  return { name, help, type: 'histogram', bounds: TIME_BOUNDS, samples };
}
