/** What names of errors mean, in a few words. Pure. */

const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timed out',
  ECONNRESET: 'reset',
  ECONNABORTED: 'aborted',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  EADDRNOTAVAIL: 'no free local port or address',
  EADDRINUSE: 'local address in use',
  EACCES: 'not allowed',
  EPERM: 'not allowed, by a firewall of this host perhaps',
  ECANCELED: 'given up by the process',
  EPIPE: 'closed by the other side',
  ENETDOWN: 'network down',
  EINVAL: 'made no sense to the kernel',
};

/** The meaning; undefined for other errors. */
export function errnoText(name: string): string | undefined {
  return Object.hasOwn(meanings, name) ? meanings[name] : undefined;
}
