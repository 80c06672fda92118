/** Attributes of a record, by OpenTelemetry's semantic conventions where there are any, else as `weir.FIELD`. Pure. */
import { basename } from 'node:path';
import type { RowRecord } from '@weir/history/rows';
import type { ExportedRecord } from '../exported-record.js';

/** Attributes of a log record. */
export type LogAttributes = Record<string, string | number>;

type Value = string | number | undefined;

/** Fields of `process` by the conventions' names. */
const processNames: Readonly<Record<string, string>> = {
  pid: 'process.pid',
  tid: 'thread.id',
  comm: 'weir.process.comm',
  uid: 'process.user.id',
  executable: 'process.executable.path',
  command_line: 'process.command_line',
  container_id: 'container.id',
  container_runtime: 'container.runtime.name',
  container_name: 'container.name',
  pod_uid: 'k8s.pod.uid',
  pod_name: 'k8s.pod.name',
  pod_namespace: 'k8s.namespace.name',
  unit: 'weir.systemd.unit',
};
/** The same of the record. */
const names: Readonly<Record<string, string>> = {
  thread: 'thread.name',
  interface: 'network.interface.name',
  service: 'network.protocol.name',
  error: 'error.type',
};
/** What is elsewhere in a log record, or a number that only the network namespace understands. */
const left = new Set(['event', 'time', 'process', 'network', 'local', 'peer', 'interface_index']);

/** All attributes of a record. */
export function logAttributes({ connection, fields }: ExportedRecord): LogAttributes {
  const attributes: LogAttributes = {};
  if (connection !== undefined) setConnection(attributes, connection);
  for (const [field, value] of Object.entries(fields)) {
    if (left.has(field)) continue;
    if (field === 'service' && typeof value !== 'string') continue;
    attributes[names[field] ?? `weir.${field}`] = value as string | number;
  }
  return attributes;
}

function setConnection(attributes: LogAttributes, connection: RowRecord): void {
  const { process = {}, network, local, peer, direction } = connection;
  for (const [field, value] of Object.entries(process)) attributes[processNames[field]!] = value;
  if (typeof process.executable === 'string')
    attributes['process.executable.name'] = basename(process.executable);
  attributes['network.transport'] = network.transport;
  attributes['network.type'] = network.type;
  setEnd(attributes, 'network.local', local);
  setEnd(attributes, 'network.peer', peer);
  set(attributes, 'weir.peer.name', peer.name);
  set(attributes, 'weir.peer.group', peer.group);
  set(attributes, 'weir.peer.country', peer.country);
  set(attributes, 'weir.peer.asn', peer.asn);
  set(attributes, 'weir.peer.as_org', peer.as_org);
  if (direction === undefined) return;
  const [client, server] = direction === 'outbound' ? [local, peer] : [peer, local];
  setEnd(attributes, 'client', client);
  setEnd(attributes, 'server', server);
}

function setEnd(attributes: LogAttributes, prefix: string, end: RowRecord['local']): void {
  attributes[`${prefix}.address`] = end.address;
  attributes[`${prefix}.port`] = end.port;
}

function set(attributes: LogAttributes, name: string, value: Value): void {
  if (value !== undefined) attributes[name] = value;
}
