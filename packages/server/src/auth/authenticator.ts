/** Who asks: by a token, by a proxy, or because nobody else reaches the address. */
import { isWithin, type MappedPrefix, parseMappedPrefix } from '@weir/ebpf/address';
import { bearerToken, isLoopback, type StoredToken, TokenLogins, withoutMapping } from '@weir/http/auth';
import type { Principal, Role } from './roles.js';

/** A proxy that authenticates users. */
export interface TrustedProxy {
  readonly from: readonly string[];
  readonly userHeader: string;
  readonly role: Role;
}

/** How clients are recognized. */
export interface AuthenticatorOptions {
  readonly tokens: readonly StoredToken<Role>[];
  readonly proxy?: TrustedProxy;
  /** Whether clients from elsewhere need no token. */
  readonly insecure: boolean;
}

/** What is known of a request. */
export interface Credentials {
  /** The client's address; undefined on a Unix socket. */
  readonly address: string | undefined;
  /** The header Authorization. */
  readonly authorization: string | undefined;
  /** The token in the session's cookie. */
  readonly cookie: string | undefined;
  /** The header in which the proxy names its user. */
  readonly proxyUser: string | undefined;
}

/** Who it is, or why nobody. */
export type Authentication =
  | { readonly principal: Principal }
  | { readonly failure: 'missing' | 'wrong' }
  /** Too many failures from there. */
  | { readonly failure: 'blocked'; readonly waitMs: number };

const MAX_USER_LENGTH = 256;

/** Recognizes clients. Without any token or proxy, clients of this host are recognized by their address. */
export class Authenticator {
  readonly #logins = new TokenLogins<Role>([]);
  #options!: AuthenticatorOptions;
  #proxyNetworks: readonly MappedPrefix[] = [];

  /** Makes an authenticator. */
  constructor(options: AuthenticatorOptions) {
    this.update(options);
  }

  /** Changes tokens and the rest. Failures stay counted. */
  update(options: AuthenticatorOptions): void {
    this.#options = options;
    this.#logins.update(options.tokens);
    this.#proxyNetworks = (options.proxy?.from ?? []).map(parseMappedPrefix);
  }

  /** The name of the header in which the proxy names its user, if there is a proxy. */
  get userHeader(): string | undefined {
    return this.#options.proxy?.userHeader;
  }

  /** Recognizes a client. @param now Milliseconds since 1970. */
  authenticate(credentials: Credentials, now = Date.now()): Authentication {
    const { address, authorization, cookie, proxyUser } = credentials;
    if (address === undefined) return { principal: { name: 'local', role: 'admin', by: 'socket' } };
    const token = authorization === undefined ? cookie : bearerToken(authorization);
    if (authorization !== undefined || cookie !== undefined) return this.#byToken(token ?? '', address, now);
    const { proxy, insecure } = this.#options;
    if (proxy !== undefined && proxyUser !== undefined && this.#isProxy(address)) {
      const name = proxyUser.slice(0, MAX_USER_LENGTH);
      if (name !== '') return { principal: { name, role: proxy.role, by: 'proxy' } };
    }
    if (this.#needsLogin || !(isLoopback(withoutMapping(address)) || insecure)) return { failure: 'missing' };
    return { principal: { name: 'anonymous', role: 'sql', by: 'loopback' } };
  }

  /** Whether a client that was recognized would still be. @param now Milliseconds since 1970. */
  isValid({ name, role, by }: Principal, now = Date.now()): boolean {
    if (by === 'socket') return true;
    if (by === 'loopback') return !this.#needsLogin;
    if (by === 'proxy') return this.#options.proxy !== undefined;
    return this.#logins.isValid(name, role, now);
  }

  get #needsLogin(): boolean {
    const { tokens, proxy } = this.#options;
    return tokens.length > 0 || proxy !== undefined;
  }

  #byToken(text: string, address: string, now: number): Authentication {
    const found = this.#logins.logIn(text, address, now);
    if ('failure' in found) return found;
    return { principal: { name: found.name, role: found.role, by: 'token' } };
  }

  #isProxy(address: string): boolean {
    const place = parseMappedPrefix(withoutMapping(address));
    return this.#proxyNetworks.some((network) => isWithin(place, network));
  }
}
