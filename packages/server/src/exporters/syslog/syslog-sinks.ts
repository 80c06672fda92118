/** Syslog over each of its transports. */
import { createSocket, type Socket } from 'node:dgram';
import type { Destination, NetworkDestination } from '../../config/destination.js';
import type { TlsMaterial } from '../client-tls.js';
import type { ExportedRecord } from '../exported-record.js';
import { StreamSink } from '../lines/stream-sink.js';
import { type Encoded, packetsOf, type Sink } from '../packet.js';
import { DatagramSink, unixDatagrams } from './datagram-sink.js';
import { type SyslogHead, syslogMessage } from './syslog-message.js';

/** Messages that are longer are not sent: receivers cut them off. */
const MOST_DATAGRAM_BYTES = 60_000;

/** A sink for a destination. @throws SyscallError where no socket can be made */
export function syslogSink(to: Destination, head: SyslogHead, tls: TlsMaterial): Sink {
  const messages = (records: readonly ExportedRecord[]) =>
    records.map((record) => Buffer.from(syslogMessage(record, head)));
  switch (to.kind) {
    case 'unix':
      return new DatagramSink(fitting(messages), unixDatagrams(to.path));
    case 'udp':
      return new DatagramSink(fitting(messages), udpDatagrams(to));
    default:
      return new StreamSink({ to, tls, encode: (records) => counted(messages(records)) });
  }
}

/** Datagrams, each of one message. */
function fitting(messages: (records: readonly ExportedRecord[]) => Buffer[]) {
  return (records: readonly ExportedRecord[]): Encoded => {
    const all = messages(records);
    const fit = all.filter(({ length }) => length <= MOST_DATAGRAM_BYTES);
    return { packets: packetsOf(fit, (parts) => parts), unfit: all.length - fit.length };
  };
}

/** Octet counting of RFC 6587 and RFC 5425: a message has its length before it. */
function counted(messages: readonly Buffer[]): Encoded {
  const frames = messages.map((message) => Buffer.concat([Buffer.from(`${message.length} `), message]));
  return { packets: packetsOf(frames), unfit: 0 };
}

/** Nobody says whether a datagram of UDP has arrived; that nothing listens is seen at the next one. */
function udpDatagrams({ host, port }: NetworkDestination) {
  let socket: Promise<Socket> | undefined;
  const close = async () => {
    const opened = await socket?.catch(() => undefined);
    socket = undefined;
    opened?.close();
  };
  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const made = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
      made.once('error', (error) => {
        made.close();
        reject(error);
      });
      made.connect(port, host, () => {
        made.removeAllListeners('error');
        // The next send says it.
        made.on('error', () => {});
        resolve(made);
      });
    });
  return {
    where: `${host} port ${port}`,
    send: async (message: Uint8Array) => {
      socket ??= open();
      try {
        const opened = await socket;
        await new Promise<void>((resolve, reject) => {
          opened.send(message, (error) => (error === null ? resolve() : reject(error)));
        });
      } catch (error) {
        // The name of the receiver may have another address by now.
        await close();
        throw error;
      }
    },
    close,
  };
}
