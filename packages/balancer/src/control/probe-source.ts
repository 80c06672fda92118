/** The tunnel of health checks, which is opened when a check needs it. */
import { networkInterfaces } from 'node:os';
import { devicesOf, exitsOf } from '../config/convert.js';
import type { Config } from '../config/schema.js';
import type { MarkedTunnel } from '../health/marks.js';
import { ProbeTunnel, type ProbeTunnelOptions } from '../health/probe-tunnel.js';

export class LazyProbeTunnel implements MarkedTunnel, Disposable {
  readonly #options: () => ProbeTunnelOptions;
  #tunnel: ProbeTunnel | undefined;

  /** @param placeOf Returns the place of a real that is reached without a tunnel. */
  constructor(config: Config, placeOf: ProbeTunnelOptions['placeOf'] = () => undefined) {
    this.#options = () => ({ ...probeOptions(config), placeOf });
  }

  /** @throws OptionError for a real of a family without a source; errors of {@link ProbeTunnel.open}. */
  set(mark: number, address: string | undefined): void {
    if (this.#tunnel === undefined && address === undefined) return;
    this.#tunnel ??= ProbeTunnel.open(this.#options());
    this.#tunnel.set(mark, address);
  }

  /** @throws EbpfError while the real's place is not known; errors of {@link ProbeTunnel.open}. */
  setDirect(mark: number, address: string): void {
    this.#tunnel ??= ProbeTunnel.open(this.#options());
    this.#tunnel.setDirect(mark, address);
  }

  [Symbol.dispose](): void {
    this.#tunnel?.[Symbol.dispose]();
  }
}

type Addresses = ReturnType<typeof networkInterfaces>;

/** The tunnel's options in a configuration. @param all This host's addresses. */
export function probeOptions(config: Config, all: Addresses = networkInterfaces()): ProbeTunnelOptions {
  const { probes, encapsulation } = config;
  const own = devicesOf(config).map(({ name }) => name);
  const interfaces = probes.interfaces ?? [...new Set([...own, ...exitsOf(config)])];
  const gue = typeof encapsulation === 'string' ? undefined : encapsulation.gue;
  const addressIn = (family: 'IPv4' | 'IPv6') =>
    interfaces
      .flatMap((name) => all[name] ?? [])
      .find((each) => each.family === family && !each.address.startsWith('fe80:'))?.address;
  const source4 = probes.source4 ?? gue?.source4 ?? addressIn('IPv4');
  const source6 = probes.source6 ?? gue?.source6 ?? addressIn('IPv6');
  return {
    interfaces,
    ...(source4 !== undefined && { source4 }),
    ...(source6 !== undefined && { source6 }),
    ...(encapsulation === 'gre' && { gre: true }),
    ...(gue !== undefined && { gue: gue.port === undefined ? {} : { port: gue.port } }),
  };
}
