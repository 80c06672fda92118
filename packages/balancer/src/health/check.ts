/** How a service's reals are checked: options, their defaults, and what makes no sense. */
import { OptionError } from '@weir/ebpf';
import { parsePrefix } from '../address.js';
import { within } from '../limits.js';
import type { Service } from '../service.js';

/** A health check of a service's reals. */
export interface HealthCheck {
  /** `tcp`: the connection is accepted. `http`, `https`: and a GET is answered with a status that is expected. */
  readonly type: 'tcp' | 'http' | 'https';
  /** Default: the real's, which is the service's. */
  readonly port?: number;
  /** Default `/`. */
  readonly path?: string;
  /** Host header, and the name that a TLS server is asked for. Default: the service's address and port. */
  readonly host?: string;
  /** Statuses that are well. Default 200 to 399. */
  readonly status?: readonly StatusRange[];
  /** From the start of one check to the next, milliseconds. Default 5000. */
  readonly interval?: number;
  /** Milliseconds until an answer must be there; at most the interval. Default 2000. */
  readonly timeout?: number;
  /** Good results in a row after which a real that was down is up. Default 2. */
  readonly rise?: number;
  /** Bad results in a row after which a real that was up is down. Default 3. */
  readonly fall?: number;
  /** Whether checks go to the service's address, through the tunnel, as clients' packets do. Default false. */
  readonly tunnel?: boolean;
}

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** What is checked of a real, with all that was left out. */
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
  /** The address that checks through the tunnel are sent to. */
  readonly vip: string | undefined;
}

const usualPorts: Readonly<Partial<Record<HealthCheck['type'], number>>> = { http: 80, https: 443 };

/** Fills in a check's defaults for a real. @throws OptionError for what makes no sense. */
export function completeCheck(service: Service, realPort: number, check: HealthCheck): CompleteCheck {
  const { type, path = '/', tunnel = false, status = [{ from: 200, to: 399 }] } = check;
  const interval = within('interval', check.interval ?? 5000, 10, 2 ** 31 - 1);
  const timeout = within('timeout', check.timeout ?? Math.min(2000, interval), 1, interval);
  if (check.port === undefined && realPort === 0) {
    throw new OptionError('port: a service of all ports needs one for its checks');
  }
  const port = within('port', check.port ?? realPort, 1, 65_535);
  const [address = ''] = service.address.split('/');
  const host = check.host ?? hostHeader(address, port === usualPorts[type] ? undefined : port);
  if (!/^\/[!-~]*$/.test(path)) throw new OptionError('path: expected printable ASCII that begins with /');
  if (!/^[!-~]+$/.test(host)) throw new OptionError('host: expected printable ASCII');
  if (tunnel && !parsePrefix(service.address).whole) {
    throw new OptionError(`${service.address}: checks through the tunnel need a single address`);
  }
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
  };
}

function hostHeader(address: string, port: number | undefined): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/** `200-299,304`. */
export function statusText(ranges: readonly StatusRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
