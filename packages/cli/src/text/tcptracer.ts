/**
 * Lines as weaveworks/tcptracer-bpf's sample tracer prints them, for scripts that read those:
 *
 *     TIMESTAMP cpu#CPU connect|accept|close PID COMM SADDR:SPORT DADDR:DPORT NETNS
 *     TIMESTAMP cpu#CPU fdinstall PID COMM FD
 *
 * TIMESTAMP is the kernel's monotonic clock in nanoseconds, SADDR the local end, NETNS the inode of the network
 * namespace. IPv6 addresses stand without brackets, as Go's net.IP writes them; IPv4-mapped ones as IPv4.
 */
import type { ConnectionRecord, FdInstallRecord, TraceRecord } from '@weir/tracer';
import { escapeText } from './escape.js';

/** The record's line with its line break; empty for events that the sample does not print: `fail`, `udp_flow` and `lost`. */
export function tcptracerLine(record: TraceRecord): string {
  switch (record.event) {
    case 'connect':
    case 'accept':
    case 'close':
      return `${head(record, record.event)} ${ends(record)} ${record.netns}\n`;
    case 'fd_install':
      return `${head(record, 'fdinstall')} ${record.fd}\n`;
    default:
      return '';
  }
}

/** The first line, for a process whose descriptors are watched. */
export function tcptracerAcknowledgement(pid: number): string {
  return `Monitor fdinstall events for pid ${pid}\n`;
}

function head({ monotonic_ns, cpu, process }: ConnectionRecord | FdInstallRecord, type: string): string {
  return `${monotonic_ns} cpu#${cpu} ${type} ${process?.pid ?? 0} ${commandName(process?.comm ?? '-')}`;
}

function ends({ local, peer }: ConnectionRecord): string {
  return `${local.address}:${local.port} ${peer.address}:${peer.port}`;
}

/** The sample prints any byte. What would break the line or act on a terminal is escaped; a backslash stays one. */
function commandName(comm: string): string {
  return comm.split('\\').map(escapeText).join('\\');
}
