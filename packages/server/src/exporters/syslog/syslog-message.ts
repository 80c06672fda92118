/** Records as syslog messages of RFC 5424. Pure. */
import { timeText } from '@weir/history/rows';
import type { ExporterConfigOf } from '../../config/exporters-schema.js';
import { type ExportedRecord, plain } from '../exported-record.js';

/** The facility of messages. */
export type Facility = ExporterConfigOf<'syslog'>['facility'];

const facilities: Readonly<Record<string, number>> = { user: 1, daemon: 3 };
const LOCAL0 = 16;
const WARNING = 4;
const INFORMATIONAL = 6;
/** RFC 5424 allows microseconds. */
const MICROSECOND = '2026-01-01T00:00:00.000000'.length;
const MOST_HOST_LENGTH = 255;
/** The number that IANA keeps for examples: Weir has none of its own. */
const STRUCTURE = 'weir@32473';

/** What all messages of a host have. */
export interface SyslogHead {
  readonly facility: Facility;
  readonly hostName: string;
}

/** A message, without a frame around it. It is of ASCII only: JSON's escapes have all else, and structured data names. */
export function syslogMessage(record: ExportedRecord, { facility, hostName }: SyslogHead): string {
  const number = facilities[facility] ?? LOCAL0 + Number(facility.slice('local'.length));
  const priority = number * 8 + (record.isProblem ? WARNING : INFORMATIONAL);
  const time = `${timeText(record.timeNs).slice(0, MICROSECOND)}Z`;
  const host = printable(hostName).slice(0, MOST_HOST_LENGTH) || '-';
  const data = structuredData(record);
  return `<${priority}>1 ${time} ${host} weir - ${record.event} ${data} ${asciiJson(record.json)}`;
}

/** What people filter by. */
function structuredData({ connection, fields }: ExportedRecord): string {
  const { process, network, local, peer, direction } = connection ?? {};
  const values: Readonly<Record<string, unknown>> = {
    ...{ pid: process?.pid, comm: process?.comm, unit: process?.unit, container_id: process?.container_id },
    ...{ transport: network?.transport, direction },
    ...{ local_address: local?.address, local_port: local?.port },
    ...{ peer_address: peer?.address, peer_port: peer?.port },
    ...{ error: fields.error, closed_by: fields.closed_by },
    ...{ bytes_sent: fields.bytes_sent, bytes_received: fields.bytes_received },
    ...{ count: fields.count, where: fields.where },
  };
  const parameters = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${parameterValue(String(value))}"`);
  return `[${STRUCTURE}${parameters.join('')}]`;
}

/** The three characters that RFC 5424 has escaped; controls, and what is not ASCII, are `\u....` before that. */
function parameterValue(text: string): string {
  return asciiJson(plain(text)).replace(/["\\\]]/g, '\\$&');
}

/** Other characters as JSON writes them: receivers would need a byte order mark before them, which JSON must not have. */
function asciiJson(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function printable(text: string): string {
  return text.replace(/[^!-~]/g, '_');
}
