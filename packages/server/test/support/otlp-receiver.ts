/** An HTTP server that takes requests of OTLP and answers as a test says. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

/** A request that arrived. */
export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Without compression. */
  readonly body: Buffer;
  readonly connection: number;
}

/** Takes requests until it is disposed of. */
export class OtlpReceiver implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  /** The answers to the next requests; then 200 without a body. */
  readonly answers: ((response: ServerResponse) => void)[] = [];
  readonly #server;
  #connections = 0;

  private constructor(tls?: { readonly cert: Buffer; readonly key: Buffer }) {
    this.#server = tls === undefined ? createServer() : createTlsServer(tls);
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', () => {
      this.#connections++;
    });
    this.#server.on('request', async (request, response) => {
      const body = await buffer(request);
      const isPacked = request.headers['content-encoding'] === 'gzip';
      const { url: path = '', headers } = request;
      this.requests.push({
        path,
        headers,
        body: isPacked ? gunzipSync(body) : body,
        connection: this.#connections,
      });
      const answer = this.answers.shift() ?? ((each: ServerResponse) => each.end());
      answer(response);
    });
  }

  static async start(tls?: { readonly cert: Buffer; readonly key: Buffer }, port = 0): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver(tls);
    receiver.#server.listen(port, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
