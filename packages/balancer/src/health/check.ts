/** Options of a service's health checks: defaults and validation. */
import { OptionError } from '@weir/ebpf';
import { keyPrefix } from '../address.js';
import { within } from '../limits.js';
import type { Service } from '../service.js';

/** A health check of a service's reals. */
export interface HealthCheck {
  /**
   * `tcp`: the real accepts a connection. `tls`: and completes the handshake. `http`, `https`: it also answers a GET with an
   * expected status. `grpc`: its health service says that it serves. `script`: a command succeeds.
   */
  readonly type: 'tcp' | 'tls' | 'http' | 'https' | 'grpc' | 'script';
  /** 1 to 65535. Default: the real's port, else the service's. */
  readonly port?: number;
  /** Printable ASCII that begins with `/`. Default `/`. */
  readonly path?: string;
  /** Host header and TLS server name. Default: the service's address and port. */
  readonly host?: string;
  /** Statuses that count as good, 100 to 599. Default 200 to 399. */
  readonly status?: readonly StatusRange[];
  /** Time from the start of a check to the start of the next, milliseconds; 10 or more. Default 5000. */
  readonly interval?: number;
  /**
   * Time within which the real must answer, milliseconds; 1 to the interval. Default 2000, or the interval if
   * less.
   */
  readonly timeout?: number;
  /** Good results in a row after which a real is up that was down, 1 to 1000. Default 2. */
  readonly rise?: number;
  /** Bad results in a row after which a real is down that was up, 1 to 1000. Default 3. */
  readonly fall?: number;
  /** Whether checks go through the tunnel to the service's address, as clients' packets do. Default false. */
  readonly tunnel?: boolean;
  /** With `grpc`: the service that is asked about. Default: the server as a whole. */
  readonly service?: string;
  /** With `grpc`: whether the call goes over TLS. Default false. */
  readonly tls?: boolean;
  /** With `script`: the program and its arguments; no shell reads them. */
  readonly command?: readonly [string, ...string[]];
  /**
   * Time over which a real that was down gets its weight again, from a tenth of it, milliseconds. Default 0: at once.
   */
  readonly slowStart?: number;
  /** With TLS: time before a certificate expires from which that is reported, milliseconds. Default 14 days. */
  readonly warnExpiry?: number;
}

/** A range of HTTP statuses, both ends included. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** A real's check with all defaults filled in. */
export interface CompleteCheck {
  readonly type: HealthCheck['type'];
  readonly port: number;
  readonly path: string;
  readonly host: string;
  readonly status: readonly StatusRange[];
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds. */
  readonly timeout: number;
  readonly rise: number;
  readonly fall: number;
  /** The address to which checks through the tunnel are sent. */
  readonly vip: string | undefined;
  /** Whether the connection has TLS. */
  readonly tls: boolean;
  /** The service that a gRPC server is asked about. */
  readonly grpcService: string;
  readonly command: readonly [string, ...string[]] | undefined;
  /** With `command`: whose real is checked. Elsewhere services share checks. */
  readonly service?: Service;
  /** Milliseconds. */
  readonly warnExpiry: number;
}

/** Two weeks, milliseconds. */
const DEFAULT_WARN_EXPIRY_MS = 14 * 86_400_000;

const usualPorts: Readonly<Partial<Record<HealthCheck['type'], number>>> = { http: 80, https: 443 };

/** Fills in a check's defaults for a real. @throws OptionError */
export function completeCheck(service: Service, realPort: number, check: HealthCheck): CompleteCheck {
  const { type, path = '/', tunnel = false, status = [{ from: 200, to: 399 }] } = check;
  const interval = within('interval', check.interval ?? 5000, 10, 2 ** 31 - 1);
  const timeout = within('timeout', check.timeout ?? Math.min(2000, interval), 1, interval);
  if (check.port === undefined && realPort === 0) {
    throw new OptionError('port: checks of a service of all ports need one');
  }
  const port = within('port', check.port ?? realPort, 1, 65_535);
  const [address = ''] = service.address.split('/');
  const host = check.host ?? hostHeader(address, port === usualPorts[type] ? undefined : port);
  if (!/^\/[!-~]*$/.test(path)) throw new OptionError('path: expected printable ASCII that begins with /');
  if (!/^[!-~]+$/.test(host)) throw new OptionError('host: expected printable ASCII');
  if (tunnel && !keyPrefix(service.address).whole) {
    throw new OptionError(
      `tunnel: checks through the tunnel need a service with a single address, and ${service.address} is a prefix`,
    );
  }
  if ((type === 'script') !== (check.command !== undefined))
    throw new OptionError('command: a check has one if its type is script, and only then');
  if (tunnel && type === 'script') throw new OptionError('tunnel: a command makes its own connections');
  for (const { from, to } of status) within('status', to, within('status', from, 100, 599), 599);
  return {
    type,
    port,
    path,
    host,
    status,
    interval,
    timeout,
    rise: within('rise', check.rise ?? 2, 1, 1000),
    fall: within('fall', check.fall ?? 3, 1, 1000),
    vip: tunnel ? address : undefined,
    tls: type === 'https' || type === 'tls' || (type === 'grpc' && check.tls === true),
    grpcService: check.service ?? '',
    command: check.command,
    warnExpiry: check.warnExpiry ?? DEFAULT_WARN_EXPIRY_MS,
    ...(type === 'script' && {
      service: { address: service.address, port: service.port, protocol: service.protocol },
    }),
  };
}

function hostHeader(address: string, port: number | undefined): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/** Formats ranges of statuses, as `200-299,304`. */
export function statusText(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
