/** Five hosts behind two routers, which rewrite addresses: what they moved, as one of them shows it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestNetns } from './support/load.js';
import { API_PORT, link, PeerHost, runIn } from './support/peer-host.js';
import { runClient, startListener } from './support/talker.js';

/** Connections to the web come from the routers' address, those to 10.9.0.2 go to the web. */
const firstRouter = `table ip weir {
  chain after { type nat hook postrouting priority 100; ip saddr 10.2.0.0/24 oifname "between" tcp dport != ${API_PORT} masquerade; }
}`;
const secondRouter = `table ip weir {
  chain before { type nat hook prerouting priority -100; ip daddr 10.9.0.2 tcp dport 80 dnat to 10.3.0.2:8080; }
}`;

interface Missing {
  readonly host: string;
  readonly answered: boolean;
  readonly reason: string;
}

interface Figures {
  readonly connections: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
}

interface GroupsAnswer {
  readonly total: Figures;
  readonly incomplete: readonly Missing[];
}

interface MapAnswer {
  readonly nodes: readonly { readonly id: string; readonly name: string; readonly host?: string }[];
  readonly edges: readonly (Figures & {
    readonly from: string;
    readonly to: string;
    readonly port: number;
  })[];
  readonly incomplete: readonly Missing[];
}

interface ConnectionsAnswer {
  readonly connections: readonly { readonly connection_id?: string; readonly host: string }[];
  readonly next?: string;
}

interface ConnectionAnswer {
  readonly connections: readonly { readonly host: string }[];
  readonly joined: readonly {
    readonly by: string;
    readonly translations: readonly {
      readonly of: string;
      readonly part: string;
      readonly own: unknown;
      readonly seen: unknown;
    }[];
    readonly to_server: { readonly missing?: number };
    readonly to_client: { readonly missing?: number };
    readonly closer?: string;
  }[];
}

/** Without the hosts' own questions to each other. */
const filter = encodeURIComponent(`not port=${API_PORT}`);
const range = 'range=-1h';

/** An edge as it has to be: so many connections, the first of which sends 100 bytes, the next 101, each of which gets one back. */
function edge(from: string, to: string, port: number, count: number): string {
  const sent = (count * (99 + 100 + count)) / 2;
  return `${from} > ${to}:${port} ${count} ${sent} ${count}`;
}

function edgesOf({ nodes, edges }: MapAnswer): string[] {
  const names = new Map(
    nodes.map(({ id, name, host }) => [id, host === undefined ? name : `${name}@${host}`]),
  );
  return edges
    .map(({ from, to, port, connections, bytes_sent: sent, bytes_received: received }) => {
      return `${names.get(from)} > ${names.get(to)}:${port} ${connections} ${sent} ${received}`;
    })
    .sort();
}

describe('weir serve --peers', () => {
  it('shows what five hosts moved through NAT once, names who is away, and has all again when it is back', async () => {
    using first = new TestNetns();
    using second = new TestNetns();
    link(first, 'between', '10.9.0.1/24', second, 'between', '10.9.0.2/24');
    using a = new PeerHost('alpha', first, '10.1.0');
    using b = new PeerHost('beta', first, '10.2.0');
    using web = new PeerHost('web', second, '10.3.0');
    using app = new PeerHost('app', second, '10.4.0');
    using db = new PeerHost('db', second, '10.5.0');
    for (const [router, rules, far] of [
      [first, firstRouter, '10.9.0.2'],
      [second, secondRouter, '10.9.0.1'],
    ] as const) {
      execFileSync('ip', ['-n', router.name, 'route', 'add', 'default', 'via', far]);
      runIn(router, '', 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
      runIn(router, rules, 'nft', '-f', '-');
    }
    const hosts = [a, b, web, app, db];
    for (const host of hosts.slice(1)) host.start();
    a.start('--peers', [b, web, app, db].map(({ url }) => url).join(','));
    await Promise.all(hosts.map((host) => host.ready()));

    using _web = await startListener(web.netns, web.address, 8080);
    using _app = await startListener(app.netns, app.address, 9000);
    using _db = await startListener(db.netns, db.address, 5432);
    using _own = await startListener(db.netns, '127.0.0.1', 7000);
    await Promise.all([
      runClient(a.netns, 'once', '10.9.0.2', '80', '20'),
      runClient(b.netns, 'once', web.address, '8080', '15'),
      runClient(web.netns, 'once', app.address, '9000', '10'),
      runClient(app.netns, 'once', db.address, '5432', '8'),
      runClient(db.netns, 'once', '127.0.0.1', '7000', '5'),
    ]);

    const total = () => a.get<GroupsAnswer>(`/groups?${range}&filter=${filter}`);
    const map = (by: string) => a.get<MapAnswer>(`/map?${range}&filter=${filter}&by=${by}`);
    const until = async (connections: number) => {
      let answer = await total();
      for (
        const deadline = Date.now() + 15_000;
        answer.total.connections < connections;
        answer = await total()
      ) {
        assert.ok(
          Date.now() < deadline,
          `${JSON.stringify(answer.total)}, ${JSON.stringify(answer.incomplete)}`,
        );
        await sleep(200);
      }
      // Nothing that comes later may count twice.
      await sleep(1500);
      return total();
    };
    // An address is a port's host, seen from the client.
    const whole = [
      edge('alpha', 'web', 80, 20),
      edge('beta', 'web', 8080, 15),
      edge('web', 'app', 9000, 10),
      edge('app', 'db', 5432, 8),
      edge('db', 'db', 7000, 5),
    ];
    const bytes = [20, 15, 10, 8, 5].reduce((sum, count) => sum + (count * (199 + count)) / 2, 0);
    const expectWhole = async () => {
      const { total: all, incomplete } = await until(58);
      assert.deepEqual([all.connections, all.bytes_sent, all.bytes_received], [58, bytes, 58]);
      assert.deepEqual(incomplete, []);
      assert.deepEqual(edgesOf(await map('host')), whole.toSorted());
    };
    await expectWhole();
    const { nodes } = await map('process');
    assert.deepEqual(nodes.map(({ host }) => host).sort(), hosts.map(({ name }) => name).sort());

    // Each connection has two ends, whatever was rewritten between them.
    const ends: ConnectionsAnswer['connections'][number][] = [];
    let page = await a.get<ConnectionsAnswer>(`/connections?${range}&filter=${filter}&limit=50`);
    while (true) {
      ends.push(...page.connections);
      if (page.next === undefined) break;
      page = await a.get(`/connections?filter=${filter}&limit=50&cursor=${page.next}`);
    }
    assert.equal(ends.length, 2 * 58);
    const ids = [...new Set(ends.map(({ connection_id: id }) => id))];
    assert.equal(ids.length, 58);
    const translated: string[] = [];
    for (const id of ids) {
      const { connections, joined } = await a.get<ConnectionAnswer>(`/connections/${id}`);
      assert.deepEqual(
        [connections.length, joined.length, joined[0]?.by, joined[0]?.closer],
        [2, 1, 'id', 'client'],
      );
      const [{ translations, to_server: sent, to_client: received }] = joined as [(typeof joined)[0]];
      assert.deepEqual([sent.missing, received.missing], [0, 0]);
      translated.push(
        translations
          .map(({ of, part, own, seen }) =>
            part === 'port' && of === 'client' ? '' : `${of} ${own} ${seen}`,
          )
          .join(' '),
      );
    }
    const count = (text: string) => translated.filter((each) => each.includes(text)).length;
    assert.deepEqual(
      [count('server 10.3.0.2 10.9.0.2 server 8080 80'), count('client 10.2.0.2 10.9.0.1')],
      [20, 15],
    );

    // Away: what its peers have of it is still there, once.
    await app.end();
    const partial = await total();
    assert.deepEqual(
      [partial.total.connections, partial.total.bytes_sent + partial.total.bytes_received],
      [58, bytes + 58],
    );
    const missing = partial.incomplete.map(({ host, answered }) => ({ host, answered }));
    assert.deepEqual(missing, [{ host: app.address, answered: false }]);
    assert.match(partial.incomplete[0]!.reason, /ECONNREFUSED/);
    const without = edgesOf(await map('host'));
    assert.ok(without.includes(edge('web', '10.4.0.2', 9000, 10)), without.join('\n'));
    assert.ok(
      without.some((each) => each.startsWith('10.4.0.2 > db:5432 8 ')),
      without.join('\n'),
    );
    assert.equal(without.length, 5);

    // And back.
    app.start();
    await app.ready();
    await expectWhole();
  });
});
