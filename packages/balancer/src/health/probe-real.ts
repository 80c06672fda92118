/** A single check of a real. */
import { get, type IncomingMessage } from 'node:http';
import { isIP, isIPv6, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type CompleteCheck, statusText } from './check.js';
import { markedSocket } from './marked-socket.js';

/** A real and its check. */
export interface ProbeTarget {
  /** The real's address. */
  readonly address: string;
  readonly check: CompleteCheck;
  /** The socket mark that leads through the tunnel to the real. */
  readonly mark: number | undefined;
}

/** Result of a check. */
export interface ProbeResult {
  readonly ok: boolean;
  /** The finding, in a few words of plain ASCII. */
  readonly reason: string;
}

/** Checks a real once. The promise never rejects. */
export type Probe = (target: ProbeTarget) => Promise<ProbeResult>;

/** Connects, sends a request if the check is one of HTTP, and closes the connection. */
export const probe: Probe = (target) => {
  const { check } = target;
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    const cancelDeadline = deadline(check.timeout, () =>
      end({ ok: false, reason: `no answer within ${check.timeout} ms` }),
    );
    const end = (result: ProbeResult) => {
      cancelDeadline();
      resolve(result);
      socket?.destroy();
    };
    const fail = (error: Error) => end({ ok: false, reason: failureText(error) });
    try {
      socket = connectTo(target);
      socket.on('error', fail);
      if (check.type === 'tcp') socket.once('connect', () => end({ ok: true, reason: 'connected' }));
      else ask(socket, check, end, fail);
    } catch (error) {
      fail(error as Error);
    }
  });
};

/**
 * Calls a function after some milliseconds. If the timer comes much too late, this process was busy and may have missed
 * the answer, so it waits once more.
 */
function deadline(ms: number, call: () => void): () => void {
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

function connectTo({ address, check, mark }: ProbeTarget): Socket {
  const host = check.vip ?? address;
  const socket = mark === undefined ? new Socket() : markedSocket(isIPv6(host), mark);
  return socket.connect({ host, port: check.port });
}

function ask(
  socket: Socket,
  check: CompleteCheck,
  end: (result: ProbeResult) => void,
  fail: (error: Error) => void,
): void {
  const { path, host } = check;
  const connection = check.type === 'https' ? overTls(socket, host) : socket;
  const request = get({
    createConnection: () => connection,
    path,
    headers: { host, 'user-agent': 'weir', connection: 'close' },
  });
  request.on('error', fail);
  request.once('response', (response) => end(judged(response, check)));
}

/** Wraps a socket in TLS. The certificate is not verified: it belongs to the service's name, not to the real. */
function overTls(socket: Socket, host: string): Socket {
  const name = host.replace(/:\d+$/, '');
  const named = isIP(name.replace(/^\[|\]$/g, '')) === 0 ? { servername: name } : {};
  return connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...named });
}

function judged(response: IncomingMessage, { status }: CompleteCheck): ProbeResult {
  const { statusCode = 0 } = response;
  const ok = status.some(({ from, to }) => statusCode >= from && statusCode <= to);
  return { ok, reason: ok ? `HTTP ${statusCode}` : `HTTP ${statusCode}, expected ${statusText(status)}` };
}

const texts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
};

/** Describes an error by its code, since its message may contain text from the other side. */
function failureText(error: Error & { readonly code?: string }): string {
  const { code = 'no valid answer' } = error;
  return texts[code] ?? (code.startsWith('HPE_') ? 'not HTTP' : code);
}
