/** Which connections a filter lets into the history. */
import type { LiveDetails } from '@weir/history/rows';
import type { Connection } from '@weir/tracer';
import { Services } from '@weir/tracer/enrich';
import { type FilterableRecord, filterPredicate } from '@weir/tracer/filter';
import { recordFilter } from '../config/record-filter.js';
import type { Wants } from './collector.js';

/** What a filter wants. @throws FilterError for one that makes no sense */
export function wantsOf(filter: string): Wants {
  const matches = filterPredicate(recordFilter(filter), { services: Services.read() });
  return {
    record: (record) => matches(record as FilterableRecord),
    connection: (connection, details) => matches(asRecord(connection, details)),
  };
}

/** A live connection with the fields of records; what only its end will show is not known. */
function asRecord(connection: Connection, { process, service, peerName }: LiveDetails): FilterableRecord {
  const { flow_id, direction, srtt_us, cgroup_id, interface: name } = connection;
  return {
    network: { transport: connection.transport, type: connection.type },
    netns: connection.netns,
    local: connection.local,
    peer: { ...connection.peer, ...(peerName !== undefined && { name: peerName }) },
    process: { ...connection.process, ...process },
    bytes_sent: connection.bytes_sent,
    bytes_received: connection.bytes_received,
    retransmits: connection.retransmits,
    ...(service !== undefined && { service }),
    ...(flow_id !== undefined && { flow_id }),
    ...(direction !== undefined && { direction }),
    ...(srtt_us !== undefined && { srtt_us }),
    ...(cgroup_id !== undefined && { cgroup_id }),
    ...(name !== undefined && { interface: name }),
  };
}
