/** The HTTP servers of the API: on addresses, on a Unix socket, on sockets of the service manager. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { OptionError } from '@weir/ebpf/errors';
import { listenOnSocket, removeStaleSocket } from '@weir/ebpf/sys';
import { problemKinds } from '../api/problem.js';
import type { Refusals } from '../auth/refusals.js';
import { ConnectionRate, type ConnectionRates } from './connection-rate.js';
import { Connections } from './connections.js';
import { withHostHeader } from './host-header.js';
import { rawProblem, rawProblemOf } from './raw-problem.js';
import type { TlsFiles } from './tls-files.js';

/** Where a server listens. */
export type ListenPlace =
  /** 0 is any free port. */
  | { readonly host: string; readonly port: number }
  /** A Unix socket for its owner and root, who need no token there. */
  | { readonly path: string }
  /** A socket that listens already. */
  | { readonly fd: number };

/** What a server is made of. */
export interface ApiServerOptions {
  /** Answers requests whose header Host is one. */
  readonly listener: RequestListener;
  readonly places: readonly ListenPlace[];
  /** For all places but Unix sockets. */
  readonly tls?: TlsFiles;
  /** Where requests are written to that no route gets to see. */
  readonly refusals?: Refusals;
  readonly limits?: Partial<ConnectionLimits>;
}

/** Room for a filter of the greatest length, encoded. */
const MAX_HEADER_BYTES = 64 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;

/** Time without a byte after which a connection ends. */
export const IDLE_TIMEOUT_MS = 60_000;

/** What clients can hold on to. */
export interface ConnectionLimits {
  /** Connections at the same time. Default 2,000. */
  readonly connections: number;
  /** Connections of one address at the same time. Default: as many. */
  readonly perAddress?: number;
  /** How many are made in a second. Default: as many as are. */
  readonly rates?: ConnectionRates;
  /** Time in which a request arrives with its body, milliseconds. Default: an hour, as an imported file may take long. */
  readonly requestMs: number;
}

const defaultLimits: ConnectionLimits = { connections: 2_000, requestMs: 3_600_000 };

/** Serves the API until it is closed. */
export class ApiServer implements AsyncDisposable {
  readonly #servers: (Server | TlsServer)[] = [];
  readonly #closed: Promise<void>[] = [];
  readonly #connections = new Connections();

  /** Listens at all places, or at none. @throws OptionError, Error of the system */
  static async listen({
    listener: answer,
    places,
    tls,
    refusals,
    limits,
  }: ApiServerOptions): Promise<ApiServer> {
    const api = new ApiServer();
    const listener = withHostHeader(answer, refusals);
    try {
      const rate = limits?.rates && new ConnectionRate(limits.rates);
      for (const place of places) {
        const server =
          'path' in place || tls === undefined ? createPlain(listener) : createTls(listener, tls);
        protect(server, refusals, { ...defaultLimits, ...limits });
        api.#connections.follow(server, limits?.perAddress, rate);
        await api.#listen(place, server);
      }
      return api;
    } catch (error) {
      await api[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #listen(place: ListenPlace, server: Server | TlsServer): Promise<void> {
    if ('path' in place) {
      const { path } = place;
      if (!(await removeStaleSocket(path))) throw new OptionError(`a process listens on ${path} already`);
      await listenOnSocket(server, path, 0o600);
    } else {
      const listening = once(server, 'listening');
      if ('fd' in place) server.listen({ fd: place.fd });
      else server.listen({ host: place.host, port: place.port, backlog: 511 });
      try {
        await listening;
      } catch (error) {
        throw listenError(place, error as NodeJS.ErrnoException);
      }
    }
    // Whoever may connect to one would count as this host's root: its modes are not ours.
    if ('fd' in place && (server.address() === null || typeof server.address() === 'string')) {
      server.close();
      throw new OptionError(
        `descriptor ${place.fd} is a Unix socket: the API takes ListenStream=ADDRESS:PORT`,
      );
    }
    this.#servers.push(server);
    this.#closed.push(new Promise((resolve) => server.once('close', resolve)));
  }

  /** Addresses and ports at which it listens, in the order of its places, without Unix sockets. */
  get addresses(): AddressInfo[] {
    return this.#servers
      .map((server) => server.address())
      .filter((address) => typeof address === 'object' && address !== null);
  }

  /** Uses another certificate for connections from now on. @throws Error for files that are none */
  setTls({ cert, key }: TlsFiles): void {
    for (const server of this.#servers)
      if ('setSecureContext' in server) server.setSecureContext({ cert, key });
  }

  /** Takes no more connections. Answers under way are completed. */
  stopListening(): void {
    for (const server of this.#servers) {
      if (server.listening) server.close();
      server.closeIdleConnections();
    }
  }

  /** Stops listening, and ends connections: those with an answer under way after a second at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopListening();
    const timer = setTimeout(() => this.#connections.end(), 1000);
    await Promise.all(this.#closed);
    clearTimeout(timer);
  }
}

/** Reasons that another attempt would meet as well; an address in use may be free in a moment. */
const lasting: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'this host has no such address',
  EACCES: 'ports below 1024 are not for the user of the server: choose another, or have systemd listen there',
};

function listenError(place: ListenPlace, error: NodeJS.ErrnoException): Error {
  const { code = '' } = error;
  const reason = lasting[code];
  if (!('host' in place) || reason === undefined) return error;
  const host = place.host.includes(':') ? `[${place.host}]` : place.host;
  return new OptionError(`${host}:${place.port} cannot be listened at: ${reason}`, { cause: error });
}

/** Hosts are checked by {@link withHostHeader}. */
const httpOptions = { maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false } as const;

function createPlain(listener: RequestListener): Server {
  return createServer(httpOptions, listener);
}

function createTls(listener: RequestListener, { cert, key }: TlsFiles): TlsServer {
  const tls = { cert, key, minVersion: 'TLSv1.2', handshakeTimeout: HEADERS_TIMEOUT_MS } as const;
  return createTlsServer({ ...httpOptions, ...tls }, listener);
}

/** Bounds what clients can hold on to. */
function protect(
  server: Server | TlsServer,
  refusals: Refusals | undefined,
  { connections, requestMs }: ConnectionLimits,
): void {
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = requestMs;
  server.timeout = IDLE_TIMEOUT_MS;
  server.keepAliveTimeout = 5_000;
  server.maxConnections = connections;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // The peer has gone, or an answer is under way already.
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    else {
      const { kind, detail } = rawProblemOf(error.code);
      const { remoteAddress } = socket;
      const { status } = problemKinds[kind];
      refusals?.add({ kind, status, detail, ...(remoteAddress !== undefined && { address: remoteAddress }) });
      socket.end(rawProblem(error.code));
    }
  });
}
