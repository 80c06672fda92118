/** The second and third view: connections summed up by process and by peer. */

import { formatAddress } from '../../text/endpoint.js';
import { escapeText } from '../../text/escape.js';
import type { PeerGroup, ProcessGroup } from '../model/groups.js';
import { type Column, numbers, words } from './column.js';
import { sortableAddress, trafficColumns } from './connections.js';
import { type Context, containerName, processName } from './context.js';
import { count, roundTrip } from './figures.js';

/** @param isPast What had ended by a moment of the past is not known, so no column has it. */
export function processColumns(context: Context, isPast: boolean): Column<ProcessGroup>[] {
  const { enrichment } = context;
  const command = ({ process }: ProcessGroup) =>
    escapeText((process && enrichment.process(process)?.command_line) ?? '');
  return [
    numbers('PID', 7, {
      ...{ id: 'pid', rank: 1, descending: false },
      value: ({ process }) => process?.pid,
      text: ({ process }) => (process === undefined ? '-' : String(process.pid)),
    }),
    words('PROCESS', 12, 15, {
      ...{ id: 'process', rank: 0 },
      value: ({ process }) => process?.comm,
      text: ({ process }) => processName(process, context),
    }),
    numbers('UID', 5, {
      ...{ id: 'uid', rank: 9, descending: false },
      value: ({ process }) => process?.uid,
      text: ({ process }) => String(process?.uid ?? ''),
    }),
    ...countColumns<ProcessGroup>(isPast),
    numbers('PEERS', 6, {
      ...{ id: 'peers', rank: 8 },
      value: ({ peers }) => peers.size,
      text: ({ peers }) => count(peers.size),
    }),
    ...trafficColumns<ProcessGroup>(),
    words('CONTAINER', 12, 24, {
      ...{ id: 'container', rank: 11 },
      value: ({ process }) => containerName(process, context) || undefined,
      text: ({ process }) => containerName(process, context),
    }),
    words('COMMAND', 12, 120, { id: 'command', rank: 12, value: command, text: command }),
  ];
}

/** @param isPast What had ended by a moment of the past is not known, so no column has it. */
export function peerColumns(context: Context, isPast: boolean): Column<PeerGroup>[] {
  const { enrichment } = context;
  const services = ({ ports }: PeerGroup) =>
    [...ports]
      .sort(([a], [b]) => a - b)
      .map(([port, transport]) => enrichment.service(port, transport) ?? String(port))
      .join(' ');
  return [
    words('PEER', 21, 47, {
      ...{ id: 'peer', rank: 0, isEndpoint: true },
      value: ({ address }) => sortableAddress(address),
      text: (row) => enrichment.peerName(row.address) ?? formatAddress(row.address, row.interface),
    }),
    ...countColumns<PeerGroup>(isPast),
    ...trafficColumns<PeerGroup>(),
    numbers('RTT', 8, {
      ...{ id: 'rtt', rank: 8 },
      value: ({ srtt_us }) => srtt_us,
      text: ({ srtt_us }) => roundTrip(srtt_us),
    }),
    words('SERVICES', 12, 40, { id: 'services', rank: 6, value: services, text: services }),
    words('PROCESSES', 12, 24, {
      ...{ id: 'processes', rank: 9 },
      value: ({ pids }) => pids.size,
      text: (row) => {
        const name = row.process === undefined ? '' : processName(row.process, context);
        return row.pids.size > 1 ? `${name} +${row.pids.size - 1}` : name;
      },
    }),
  ];
}

function countColumns<Row extends ProcessGroup | PeerGroup>(isPast: boolean): Column<Row>[] {
  const live = numbers<Row>('LIVE', 6, {
    ...{ id: 'live', rank: 3 },
    value: ({ connections }) => connections,
    text: ({ connections }) => count(connections),
  });
  const ended = numbers<Row>('ENDED', 6, {
    ...{ id: 'ended', rank: 5 },
    value: (row) => row.ended,
    text: (row) => count(row.ended),
  });
  return isPast ? [live] : [live, ended];
}
