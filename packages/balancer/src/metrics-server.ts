/** Metrics over HTTP. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Serves metrics over HTTP until it is closed. */
export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;

  /**
   * @param port 0: any that is free.
   * @throws Error of the system if the address cannot be listened on.
   */
  static async listen(registry: Registry, port: number, host = '127.0.0.1'): Promise<MetricsServer> {
    const server = createServer(async (request, response) => {
      const [path] = (request.url ?? '').split('?');
      if (path !== '/metrics') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
      } else if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
      } else {
        await answer(registry, response);
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

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(registry: Registry, response: ServerResponse): Promise<void> {
  try {
    const text = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType }).end(text);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end(`${(error as Error).message}\n`);
  }
}
