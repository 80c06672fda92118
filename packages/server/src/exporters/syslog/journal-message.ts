/** Records as entries of systemd's journal, in its own protocol. Pure. */
import type { ExportedRecord } from '../exported-record.js';

/** Longer values are cut off: a datagram that is too large would have to be a file in memory. */
const MOST_VALUE_BYTES = 16 * 1024;
const WARNING = 4;
const INFORMATIONAL = 6;
const LINE_FEED = 0x0a;

/**
 * A datagram. Each field is NAME=value, or, where the value has a line feed, NAME, its length as 64 bits and the value. Names of fields are
 * of Weir's own making.
 */
export function journalMessage(record: ExportedRecord): Buffer {
  const { connection, fields } = record;
  const { process, network, local, peer, direction } = connection ?? {};
  const values: Readonly<Record<string, unknown>> = {
    ...{ MESSAGE: record.text, PRIORITY: record.isProblem ? WARNING : INFORMATIONAL },
    ...{ SYSLOG_IDENTIFIER: 'weir', WEIR_EVENT: record.event },
    ...{ WEIR_PID: process?.pid, WEIR_COMM: process?.comm, WEIR_UID: process?.uid },
    ...{ WEIR_EXECUTABLE: process?.executable, WEIR_UNIT: process?.unit },
    ...{ WEIR_CONTAINER_ID: process?.container_id },
    ...{ WEIR_TRANSPORT: network?.transport, WEIR_DIRECTION: direction },
    ...{ WEIR_LOCAL_ADDRESS: local?.address, WEIR_LOCAL_PORT: local?.port },
    ...{ WEIR_PEER_ADDRESS: peer?.address, WEIR_PEER_PORT: peer?.port },
    ...{ WEIR_BYTES_SENT: fields.bytes_sent, WEIR_BYTES_RECEIVED: fields.bytes_received },
    ...{ WEIR_ERROR: fields.error, WEIR_CLOSED_BY: fields.closed_by },
    ...{ WEIR_COUNT: fields.count, WEIR_WHERE: fields.where },
    WEIR_RECORD: record.json,
  };
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return Buffer.concat(known.flatMap(([name, value]) => fieldOf(name, String(value))));
}

function fieldOf(name: string, text: string): Buffer[] {
  const value = Buffer.from(text).subarray(0, MOST_VALUE_BYTES);
  if (!value.includes(LINE_FEED)) return [Buffer.from(`${name}=`), value, Buffer.from('\n')];
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return [Buffer.from(`${name}\n`), length, value, Buffer.from('\n')];
}
