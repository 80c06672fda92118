/** The HTTP server of metrics. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { contentType } from './metrics-text.js';

/** Serves metrics over HTTP until it is closed. */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;

  /**
   * Listens on an address, and answers `GET /metrics`.
   *
   * @param read Returns the metrics in Prometheus' text format.
   * @param port 0 to 65535; 0 for any free port.
   * @param host An address of this host.
   * @throws Error of the system if the server cannot listen on the address.
   */
  static async listen(read: () => string, port: number, host = '127.0.0.1'): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      const [path] = (request.url ?? '').split('?');
      if (path !== '/metrics') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
      } else if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
      } else {
        answer(read, response);
      }
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return new MetricsServer(server);
  }

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Where the server listens. */
  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  /** Closes the server and its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

function answer(read: () => string, response: ServerResponse): void {
  try {
    const text = read();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end(`${(error as Error).message}\n`);
  }
}
