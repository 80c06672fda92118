/** Five hosts behind two routers, which rewrite addresses; a load that crosses them, and what has to be shown of it. */
import { execFileSync } from 'node:child_process';
import { TestNetns } from './load.js';
import { API_PORT, PeerHost } from './peer-host.js';
import { link, routeIn } from './routers.js';
import { runClient, startListener } from './talker.js';

/** Connections to the web come from the routers' address, those to 10.9.0.2 go to the web. */
const firstRouter = `table ip weir {
  chain after { type nat hook postrouting priority 100; ip saddr 10.2.0.0/24 oifname "between" tcp dport != ${API_PORT} masquerade; }
}`;
const secondRouter = `table ip weir {
  chain before { type nat hook prerouting priority -100; ip daddr 10.9.0.2 tcp dport 80 dnat to 10.3.0.2:8080; }
}`;

/** Without the hosts' own questions to each other. */
export const LOAD = `not port=${API_PORT}`;

/** What moved. */
export interface Figures {
  readonly connections: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
}

/** The map, as the API answers it. */
export interface MapAnswer {
  readonly nodes: readonly { readonly id: string; readonly name: string; readonly host?: string }[];
  readonly edges: readonly (Figures & {
    readonly from: string;
    readonly to: string;
    readonly port: number;
  })[];
}

/** An edge as it has to be: so many connections, the first of which sends 100 bytes, the next 101, each of which gets one back. */
export function edge(from: string, to: string, port: number, count: number): string {
  return `${from} > ${to}:${port} ${count} ${sentBy(count)} ${count}`;
}

function sentBy(count: number): number {
  return (count * (199 + count)) / 2;
}

/** The edges of an answer in the same form, in order. */
export function edgesOf({ nodes, edges }: MapAnswer): string[] {
  const names = new Map(
    nodes.map(({ id, name, host }) => [id, host === undefined || host === name ? name : `${name}@${host}`]),
  );
  return edges
    .map(({ from, to, port, connections, bytes_sent: sent, bytes_received: received }) => {
      return `${names.get(from)} > ${names.get(to)}:${port} ${connections} ${sent} ${received}`;
    })
    .sort();
}

/** Connections of the load. An address is a port's host, seen from the client. */
const talks = [
  ['alpha', 'web', 80, 20],
  ['beta', 'web', 8080, 15],
  ['web', 'app', 9000, 10],
  ['app', 'db', 5432, 8],
  ['db', 'db', 7000, 5],
] as const;

/** The map's edges by host, in order. */
export const loadEdges: readonly string[] = talks
  .map(([from, to, port, count]) => edge(from, to, port, count))
  .sort();

function figuresOf(counts: readonly number[]): Figures {
  const connections = counts.reduce((sum, each) => sum + each, 0);
  const bytes_sent = counts.reduce((sum, each) => sum + sentBy(each), 0);
  return { connections, bytes_sent, bytes_received: connections };
}

/** All of the load, each connection once. */
export const loadFigures = figuresOf(talks.map(([, , , count]) => count));
/** What of it a host talks to itself about. */
export const ownFigures = figuresOf(talks.flatMap(([from, to, , count]) => (from === to ? [count] : [])));

/** The five hosts. */
export class FiveHosts implements Disposable {
  readonly #routers = [new TestNetns(), new TestNetns()] as const;
  readonly alpha: PeerHost;
  readonly beta: PeerHost;
  readonly web: PeerHost;
  readonly app: PeerHost;
  readonly db: PeerHost;

  constructor() {
    const [first, second] = this.#routers;
    link(first, 'between', '10.9.0.1/24', second, 'between', '10.9.0.2/24');
    this.alpha = new PeerHost('alpha', first, '10.1.0');
    this.beta = new PeerHost('beta', first, '10.2.0');
    this.web = new PeerHost('web', second, '10.3.0');
    this.app = new PeerHost('app', second, '10.4.0');
    this.db = new PeerHost('db', second, '10.5.0');
    for (const [router, rules, far] of [
      [first, firstRouter, '10.9.0.2'],
      [second, secondRouter, '10.9.0.1'],
    ] as const) {
      execFileSync('ip', ['-n', router.name, 'route', 'add', 'default', 'via', far]);
      routeIn(router, rules);
    }
  }

  get all(): readonly PeerHost[] {
    return [this.alpha, this.beta, this.web, this.app, this.db];
  }

  /** Makes the load. */
  async talk(): Promise<void> {
    const { alpha, beta, web, app, db } = this;
    using _web = await startListener(web.netns, web.address, 8080);
    using _app = await startListener(app.netns, app.address, 9000);
    using _db = await startListener(db.netns, db.address, 5432);
    using _own = await startListener(db.netns, '127.0.0.1', 7000);
    await Promise.all([
      runClient(alpha.netns, 'once', '10.9.0.2', '80', '20'),
      runClient(beta.netns, 'once', web.address, '8080', '15'),
      runClient(web.netns, 'once', app.address, '9000', '10'),
      runClient(app.netns, 'once', db.address, '5432', '8'),
      runClient(db.netns, 'once', '127.0.0.1', '7000', '5'),
    ]);
  }

  [Symbol.dispose](): void {
    for (const host of this.all) host[Symbol.dispose]();
    for (const router of this.#routers) router[Symbol.dispose]();
  }
}
