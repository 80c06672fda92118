/** Metrics of flows that balancers share. */
import type { SyncStatus } from '../sync/sync-status.js';
import { labels, type Metric, noLabels } from './metrics-text.js';

export function syncMetrics(status: SyncStatus | undefined): Metric[] {
  if (status === undefined) return [];
  const one = (name: string, help: string, value: number): Metric => {
    return { name, help, type: 'counter', samples: [[noLabels, value]] };
  };
  const { learned, refused, peers } = status;
  return [
    one('sync_sent_flows_total', 'Flows that were sent to other balancers.', status.sentFlows),
    one('sync_sent_datagrams_total', 'Datagrams that were sent to other balancers.', status.sentDatagrams),
    one('sync_sent_bytes_total', 'Bytes of these datagrams.', status.sentBytes),
    one('sync_failed_datagrams_total', 'Datagrams that could not be sent.', status.failed),
    {
      name: 'sync_unsent_flows_total',
      help: 'New flows that were not sent: more than the rate, or not read in time.',
      type: 'counter',
      samples: [
        [labels({ reason: 'rate' }), status.rateLimited],
        [labels({ reason: 'unread' }), status.unread],
      ],
    },
    one('sync_received_flows_total', 'Flows of other balancers that came.', status.receivedFlows),
    one(
      'sync_received_datagrams_total',
      'Datagrams of other balancers that were accepted.',
      status.receivedDatagrams,
    ),
    {
      name: 'sync_refused_datagrams_total',
      help: 'Datagrams that were refused.',
      type: 'counter',
      samples: Object.entries(refused).map(([reason, count]) => [labels({ reason }), count]),
    },
    {
      name: 'sync_flows_total',
      help: 'Flows of other balancers by what became of them.',
      type: 'counter',
      samples: Object.entries(learned).map(([result, count]) => [labels({ result }), count]),
    },
    {
      name: 'sync_lost_datagrams_total',
      help: 'Datagrams of other balancers that did not come, by gaps in their numbers.',
      type: 'counter',
      samples: [[noLabels, peers.reduce((sum, { lost }) => sum + lost, 0)]],
    },
    {
      name: 'sync_lag_seconds',
      help: 'The longest time from the sending of the last datagram of a balancer to its application.',
      type: 'gauge',
      samples: [[noLabels, Math.max(0, ...peers.map(({ lagMs }) => lagMs)) / 1000]],
    },
  ];
}
