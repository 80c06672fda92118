/** A call of gRPC's health service. */
import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { callFailure, healthPath, healthRequest, healthStatus, MOST_ANSWER_BYTES } from './grpc-health.js';
import type { ProbeResult } from './probe-target.js';

/**
 * Calls the service on a connection, and ends it.
 *
 * @param connection A connected socket, with TLS or without.
 * @param end Receives the result, perhaps more than once.
 */
export function askGrpc(
  connection: Duplex,
  { host, service, isTls }: { readonly host: string; readonly service: string; readonly isTls: boolean },
  end: (result: ProbeResult) => void,
  fail: (error: Error) => void,
): void {
  const scheme = isTls ? 'https' : 'http';
  const session = connect(`${scheme}://health.invalid`, { createConnection: () => connection });
  session.on('error', fail);
  const call = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_SCHEME]: scheme,
    [constants.HTTP2_HEADER_AUTHORITY]: host,
    [constants.HTTP2_HEADER_PATH]: healthPath,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'weir',
  });
  let status: number | undefined;
  let code: string | undefined;
  const pieces: Buffer[] = [];
  let bytes = 0;
  const readCode = (headers: IncomingHttpHeaders) => {
    const { 'grpc-status': found } = headers;
    if (typeof found === 'string') code = found;
  };
  call.on('response', (headers) => {
    status = headers[':status'];
    readCode(headers);
  });
  call.on('trailers', readCode);
  call.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MOST_ANSWER_BYTES) end({ ok: false, reason: 'the answer is too long' });
    else pieces.push(piece);
  });
  call.on('error', fail);
  call.on('end', () => {
    if (status !== 200) return end({ ok: false, reason: `HTTP ${status ?? 'without status'}` });
    end(judged(code, Buffer.concat(pieces)));
  });
  call.end(healthRequest(service));
}

function judged(code: string | undefined, answer: Buffer): ProbeResult {
  const failure = callFailure(code);
  if (failure !== undefined) return { ok: false, reason: failure };
  const status = healthStatus(answer);
  return { ok: status === 'SERVING', reason: status ?? 'no valid answer' };
}
