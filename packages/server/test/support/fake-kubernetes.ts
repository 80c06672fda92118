/** An API server of Kubernetes that a test makes up: lists in pages, watches in pieces, a token that changes. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

type Kind = 'pods' | 'services';

/** A server with two kinds of objects. */
export class FakeKubernetes implements AsyncDisposable {
  readonly #server: Server;
  readonly #watches = new Set<{ readonly kind: Kind; readonly response: ServerResponse }>();
  readonly #objects = { pods: new Map<string, object>(), services: new Map<string, object>() };
  /** Paths that were asked for, with their queries. */
  readonly asked: string[] = [];
  token = 'first';
  /** Objects of a page. */
  page = 2;
  /** Watches from earlier versions are refused. */
  oldest = 0;
  #version = 10;
  #sending: Promise<void> = Promise.resolve();

  readonly #scheme: string;

  private constructor(tls: { readonly cert: Buffer; readonly key: Buffer } | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
    this.#scheme = tls === undefined ? 'http' : 'https';
  }

  static async start(tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<FakeKubernetes> {
    const fake = new FakeKubernetes(tls);
    await fake.listen(0);
    return fake;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  get version(): number {
    return this.#version;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Ends what is open, and listens no more. */
  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Ends all watches. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
  }

  /** Adds or changes an object. @param isSilent Nobody who watches hears of it. */
  put(kind: Kind, name: string, rest: object, isSilent = false): void {
    const version = String(++this.#version);
    const object = { metadata: { name, namespace: 'shop', resourceVersion: version }, ...rest };
    const type = this.#objects[kind].has(name) ? 'MODIFIED' : 'ADDED';
    this.#objects[kind].set(name, object);
    if (!isSilent) this.#send(kind, { type, object });
  }

  remove(kind: Kind, name: string): void {
    const object = this.#objects[kind].get(name);
    this.#objects[kind].delete(name);
    this.#version++;
    this.#send(kind, { type: 'DELETED', object });
  }

  /** Sends any event to who watches. */
  #send(kind: Kind, event: object): void {
    const line = `${JSON.stringify(event)}\n`;
    this.#sending = this.#sending.then(async () => {
      const watches = [...this.#watches].filter((watch) => watch.kind === kind);
      // In two pieces, as the network may have it.
      for (const { response } of watches) response.write(line.slice(0, 20));
      await sleep(2);
      for (const { response } of watches) response.write(line.slice(20));
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    this.asked.push(request.url!);
    const kind = pathname.split('/').at(-1) as Kind;
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401).end('{}');
    } else if (searchParams.get('watch') === '1') {
      this.#watch(kind, Number(searchParams.get('resourceVersion')), response);
    } else {
      const start = Number(searchParams.get('continue') ?? 0);
      const all = [...this.#objects[kind].values()];
      const next = start + this.page < all.length ? String(start + this.page) : '';
      const metadata = { resourceVersion: String(this.#version), continue: next };
      response.end(JSON.stringify({ metadata, items: all.slice(start, start + this.page) }));
    }
  }

  #watch(kind: Kind, version: number, response: ServerResponse): void {
    response.flushHeaders();
    if (version < this.oldest) {
      response.end(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410 } })}\n`);
      return;
    }
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version) } } };
    response.write(`${JSON.stringify(bookmark)}\n`);
    const watch = { kind, response };
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
