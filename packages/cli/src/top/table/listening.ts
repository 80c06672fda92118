/** The fourth view: TCP sockets that listen, and UDP sockets. */
import type { OpenSocket } from '@weir/tracer';
import { formatLocal, formatPeer } from '../../text/endpoint.js';
import { escapeText } from '../../text/escape.js';
import { type Column, numbers, words } from './column.js';
import { protocol, sortableEndpoint } from './connections.js';
import { type Context, containerName, processName } from './context.js';
import { count } from './figures.js';

export function listeningColumns(context: Context): Column<OpenSocket>[] {
  const { enrichment } = context;
  const service = ({ local, transport }: OpenSocket) => enrichment.service(local.port, transport) ?? '';
  const command = ({ process }: OpenSocket) =>
    escapeText((process && enrichment.process(process)?.command_line) ?? '');
  return [
    words('PROTO', 5, 5, { id: 'proto', rank: 3, value: protocol, text: protocol }),
    words('LOCAL', 21, 47, {
      ...{ id: 'local', rank: 0, isEndpoint: true },
      value: ({ local }) => sortableEndpoint(local),
      text: (row) => formatLocal(row.local, row.interface),
    }),
    words('SERVICE', 8, 14, { id: 'service', rank: 4, value: service, text: service }),
    words('PEER', 21, 47, {
      ...{ id: 'peer', rank: 9, isEndpoint: true },
      value: ({ peer }) => (peer === undefined ? undefined : sortableEndpoint(peer)),
      text: (row) => (row.peer === undefined ? '' : formatPeer(row.peer, row.interface)),
    }),
    numbers('PID', 7, {
      ...{ id: 'pid', rank: 2, descending: false },
      value: ({ process }) => process?.pid,
      text: ({ process }) => (process === undefined ? '-' : String(process.pid)),
    }),
    words('PROCESS', 12, 15, {
      ...{ id: 'process', rank: 1 },
      value: ({ process }) => process?.comm,
      text: ({ process }) => processName(process, context),
    }),
    numbers('UID', 5, {
      ...{ id: 'uid', rank: 6, descending: false },
      value: ({ uid }) => uid,
      text: ({ uid }) => String(uid),
    }),
    numbers('WAIT', 6, {
      ...{ id: 'waiting', rank: 5 },
      value: ({ waiting }) => waiting,
      text: ({ waiting }) => count(waiting),
    }),
    numbers('BACKLOG', 7, {
      ...{ id: 'backlog', rank: 5 },
      value: ({ backlog }) => backlog,
      text: ({ backlog }) => String(backlog ?? ''),
    }),
    words('CONTAINER', 12, 24, {
      ...{ id: 'container', rank: 7 },
      value: ({ process }) => containerName(process, context) || undefined,
      text: ({ process }) => containerName(process, context),
    }),
    numbers('NETNS', 10, {
      ...{ id: 'netns', rank: 10, descending: false },
      value: ({ netns }) => netns,
      text: ({ netns }) => String(netns),
    }),
    words('COMMAND', 12, 120, { id: 'command', rank: 8, value: command, text: command }),
  ];
}
