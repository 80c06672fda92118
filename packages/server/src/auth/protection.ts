/** What a server needs before it may be reached from elsewhere. Pure. */
import type { Listen } from '@weir/config';
import { OptionError } from '@weir/ebpf/errors';
import { isLoopback } from '@weir/http/auth';

/** How a server is protected. */
export interface Protection {
  readonly listen: readonly Listen[];
  readonly hasTls: boolean;
  /** Whether there is a token, or a proxy that authenticates. */
  readonly hasLogins: boolean;
  /** The user has said that it is to do without. */
  readonly insecure: boolean;
}

/** @throws OptionError where a server would be reached from elsewhere without a token or without TLS */
export function requireProtection({ listen, hasTls, hasLogins, insecure }: Protection): void {
  const open = listen.find(({ host }) => !isLoopback(host));
  if (open === undefined || insecure || (hasTls && hasLogins)) return;
  const missing = [
    ...(hasLogins ? [] : ['a token (weir serve token add NAME)']),
    ...(hasTls ? [] : ['TLS (tls in the configuration)']),
  ].join(' and ');
  const place = open.host.includes(':') ? `[${open.host}]:${open.port}` : `${open.host}:${open.port}`;
  throw new OptionError(
    `${place} is reached from elsewhere, which needs ${missing}; --insecure listens there without, for all to read`,
  );
}
