/** Connections of checks, and the time that they have. */
import { isIP, isIPv6, Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { markedSocket } from './marked-socket.js';

/** Where a check connects to. */
export interface ProbePlace {
  readonly host: string;
  readonly port: number;
  /** The socket mark that leads through the tunnel to the real. */
  readonly mark: number | undefined;
}

/** Begins to connect. @throws SyscallError */
export function connectTo({ host, port, mark }: ProbePlace): Socket {
  const socket = mark === undefined ? new Socket() : markedSocket(isIPv6(host), mark);
  return socket.connect({ host, port });
}

/** Wraps a socket in TLS. The certificate is not verified: it belongs to the service's name, not to the real. */
export function overTls(socket: Socket, host: string, protocol: string | undefined): TLSSocket {
  const name = host.replace(/:\d+$/, '');
  const named = isIP(name.replace(/^\[|\]$/g, '')) === 0 ? { servername: name } : {};
  const protocols = protocol === undefined ? {} : { ALPNProtocols: [protocol] };
  return connectTls({ socket, rejectUnauthorized: false, ...protocols, ...named });
}

/** When the certificate of the other side expires; undefined for one that does not say so. */
export function expiryOf(socket: TLSSocket): Date | undefined {
  const { valid_to: text } = socket.getPeerCertificate();
  const time = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time);
}

/**
 * Calls a function after some milliseconds. If the timer comes much too late, this process was busy and may have missed
 * the answer, so it waits once more.
 */
export function deadline(ms: number, call: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const start = performance.now();
    timer = setTimeout(() => {
      if (performance.now() - start > 1.5 * ms) wait();
      else call();
    }, ms);
  };
  wait();
  return () => clearTimeout(timer);
}

const texts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
};

const families: readonly (readonly [code: RegExp, text: string])[] = [
  [/^HPE_/, 'not HTTP'],
  [/^ERR_HTTP2_/, 'not HTTP/2'],
  [/^(?:ERR_SSL|EPROTO)/, 'not TLS'],
];

/** Describes an error by its code, since its message may contain text from the other side. */
export function failureText(error: Error & { readonly code?: string }): string {
  const { code = 'no valid answer' } = error;
  return texts[code] ?? families.find(([pattern]) => pattern.test(code))?.[1] ?? code;
}
