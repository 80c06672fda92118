/** Who may ask a server, and where it may listen: its tokens, its proxy, its certificates. */
import { mkdirSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { Listen } from '@weir/config';
import { ownTokenFile, TokenSource } from '@weir/http/auth';
import { readTlsFiles, type TlsFiles } from '@weir/http/server';
import { Authenticator, type AuthenticatorOptions } from '../auth/authenticator.js';
import { configuredTokens } from '../auth/configured-tokens.js';
import { requireProtection } from '../auth/protection.js';
import { type Role, roles } from '../auth/roles.js';
import type { ServeConfig } from '../config/serve-schema.js';
import { serverPlaces } from './places.js';

/** Logins of a configuration, and the tokens of its folder and its files, which are read again when they change. */
export class Access implements Disposable {
  readonly authenticator: Authenticator;
  readonly #tokens: TokenSource<Role>;
  readonly #configured: TokenSource<Role>;
  #config: ServeConfig;

  /** @throws FormatError for a damaged file of tokens; OptionError for tokens of the configuration that cannot be used */
  constructor(config: ServeConfig, onProblem: (message: string) => void) {
    this.#config = config;
    const onTokens = () => this.authenticator.update(this.#logins());
    const own = ownTokenFile(serverPlaces(config.folder).tokens, roles);
    this.#tokens = new TokenSource(own, onTokens, onProblem);
    try {
      this.#configured = new TokenSource(configuredTokens(config.tokens), onTokens, onProblem);
    } catch (error) {
      this.#tokens[Symbol.dispose]();
      throw error;
    }
    this.authenticator = new Authenticator(this.#logins());
  }

  #logins(): AuthenticatorOptions {
    const { proxy, insecure } = this.#config;
    const tokens = [...this.#tokens.tokens, ...this.#configured.tokens];
    return { tokens, insecure, ...(proxy !== undefined && { proxy }) };
  }

  /** Reads the tokens again. @throws OptionError for tokens of a configuration to come that cannot be used */
  refresh(next: ServeConfig): void {
    configuredTokens(next.tokens).read();
    this.#tokens.refresh();
  }

  /** Logs in as another configuration says. */
  update(config: ServeConfig): void {
    this.#config = config;
    this.#configured.update(configuredTokens(config.tokens));
    this.authenticator.update(this.#logins());
  }

  /** @throws OptionError where a server would be reached from elsewhere unprotected. @param listen Where it listens. */
  requireProtection({ tls, proxy, insecure, tokens }: ServeConfig, listen: readonly Listen[]): void {
    const hasLogins = this.#tokens.tokens.length + tokens.length > 0 || proxy !== undefined;
    requireProtection({ listen, hasTls: tls !== undefined, hasLogins, insecure });
  }

  [Symbol.dispose](): void {
    this.#tokens[Symbol.dispose]();
    this.#configured[Symbol.dispose]();
  }
}

/** Makes a server's folder, and an empty one in it for what it needs for a while. */
export function makeServerFolder(folder: string): void {
  const { temporary } = serverPlaces(folder);
  mkdirSync(folder, { recursive: true, mode: 0o750 });
  // What an earlier process left there is of no use.
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
}

/** The certificate and its key. @throws OptionError for files that cannot be used */
export function readTls({ tls }: ServeConfig): TlsFiles | undefined {
  return tls === undefined ? undefined : readTlsFiles(tls);
}

/** Addresses of sockets as a configuration has them. */
export function listenAt(addresses: readonly AddressInfo[]): Listen[] {
  return addresses.map(({ address: host, port }) => ({ host, port }));
}

/** The URLs of an API. */
export function urlsAt(addresses: readonly AddressInfo[], { tls }: ServeConfig): string[] {
  const scheme = tls === undefined ? 'http' : 'https';
  return addresses.map(
    ({ address, port }) => `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`,
  );
}
