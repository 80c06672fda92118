/** A single check of a real. */
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type CompleteCheck, statusText } from './check.js';
import { connectTo, deadline, expiryOf, failureText, overTls } from './probe-connection.js';
import { askGrpc } from './probe-grpc.js';
import { askScript } from './probe-script.js';
import type { Probe, ProbeResult, ProbeTarget } from './probe-target.js';

/** Connects, asks what the check is to ask, and closes the connection; or runs the check's command. */
export const probe: Probe = (target) => {
  const { command } = target.check;
  return command === undefined ? probeByConnection(target) : askScript(target, command);
};

function probeByConnection({ address, check, mark }: ProbeTarget): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    let certificateExpires: Date | undefined;
    const cancelDeadline = deadline(check.timeout, () =>
      end({ ok: false, reason: `no answer within ${check.timeout} ms` }),
    );
    const end = (result: ProbeResult) => {
      cancelDeadline();
      resolve({ ...result, ...(certificateExpires !== undefined && { certificateExpires }) });
      socket?.destroy();
    };
    const fail = (error: Error) => end({ ok: false, reason: failureText(error) });
    try {
      socket = connectTo({ host: check.vip ?? address, port: check.port, mark });
      socket.on('error', fail);
      if (check.type === 'tcp') {
        socket.once('connect', () => end({ ok: true, reason: 'connected' }));
        return;
      }
      const secured = check.tls ? overTls(socket, check.host, protocols[check.type]) : undefined;
      secured?.once('secureConnect', () => {
        certificateExpires = expiryOf(secured);
      });
      askOver(check, secured ?? socket, secured, end, fail);
    } catch (error) {
      fail(error as Error);
    }
  });
}

/** What is said in the handshake of TLS about the protocol above it. */
const protocols: Readonly<Partial<Record<CompleteCheck['type'], string>>> = { https: 'http/1.1', grpc: 'h2' };

function askOver(
  check: CompleteCheck,
  connection: Duplex,
  secured: TLSSocket | undefined,
  end: (result: ProbeResult) => void,
  fail: (error: Error) => void,
): void {
  secured?.on('error', fail);
  const { host, grpcService: service } = check;
  if (check.type === 'tls') secured!.once('secureConnect', () => end({ ok: true, reason: 'TLS' }));
  else if (check.type === 'grpc')
    askGrpc(connection, { host, service, isTls: secured !== undefined }, end, fail);
  else askHttp(connection, check, end, fail);
}

function askHttp(
  connection: Duplex,
  check: CompleteCheck,
  end: (result: ProbeResult) => void,
  fail: (error: Error) => void,
): void {
  const { path, host } = check;
  const request = get({
    createConnection: () => connection,
    path,
    headers: { host, 'user-agent': 'weir', connection: 'close' },
  });
  request.on('error', fail);
  request.once('response', (response) => end(judged(response, check)));
}

function judged(response: IncomingMessage, { status }: CompleteCheck): ProbeResult {
  const { statusCode = 0 } = response;
  const ok = status.some(({ from, to }) => statusCode >= from && statusCode <= to);
  return { ok, reason: ok ? `HTTP ${statusCode}` : `HTTP ${statusCode}, expected ${statusText(status)}` };
}
