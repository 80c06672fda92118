/** Five hosts behind two routers, which rewrite addresses: what they moved, as one of them shows it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  edge,
  edgesOf,
  type Figures,
  FiveHosts,
  LOAD,
  loadEdges,
  loadFigures,
  type MapAnswer,
} from './support/five-hosts.js';

interface Missing {
  readonly host: string;
  readonly answered: boolean;
  readonly reason: string;
}

/** What is missing is said in every answer. */
interface Answer {
  readonly incomplete: readonly Missing[];
}

interface GroupsAnswer extends Answer {
  readonly total: Figures;
}

interface ConnectionsAnswer extends Answer {
  readonly connections: readonly { readonly connection_id?: string; readonly host: string }[];
  readonly next?: string;
}

interface ConnectionAnswer extends Answer {
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

const filter = encodeURIComponent(LOAD);
const range = 'range=-1h';

describe('weir serve --peers', () => {
  it('shows what five hosts moved through NAT once, names who is away, and has all again when it is back', async () => {
    using hosts = new FiveHosts();
    const { alpha: a, beta, web, app, db } = hosts;
    for (const host of [beta, web, app, db]) host.start();
    a.start('--peers', [beta, web, app, db].map(({ url }) => url).join(','));
    await Promise.all(hosts.all.map((host) => host.ready()));
    await hosts.talk();

    const total = () => a.get<GroupsAnswer>(`/groups?${range}&filter=${filter}`);
    const map = (by: string) => a.get<MapAnswer & Answer>(`/map?${range}&filter=${filter}&by=${by}`);
    const { connections: count, bytes_sent: bytes } = loadFigures;
    const list = () => a.get<ConnectionsAnswer>(`/connections?${range}&filter=${filter}&limit=1000`);
    // On a busy machine, others may not answer in time either.
    const complete = async <Asked extends Answer>(
      ask: () => Promise<Asked>,
      { isWanted = () => true, away = [] }: { isWanted?: (answer: Asked) => boolean; away?: string[] } = {},
    ): Promise<Asked> => {
      for (const deadline = Date.now() + 120_000; ; await sleep(200)) {
        const answer = await ask();
        const missing = answer.incomplete.map(({ host }) => host);
        if (missing.join() === away.join() && isWanted(answer)) return answer;
        assert.ok(Date.now() < deadline, JSON.stringify(answer));
      }
    };
    const expectWhole = async () => {
      // With both ends of each connection there is nothing left that could count twice. Sums are of the time that all hosts know of.
      await complete(list, { isWanted: ({ connections }) => connections.length >= 2 * count });
      const { total: all } = await complete(total, {
        isWanted: (answer) => answer.total.connections >= count,
      });
      assert.deepEqual([all.connections, all.bytes_sent, all.bytes_received], [count, bytes, count]);
      const isWhole = (answer: MapAnswer) => isDeepStrictEqual(edgesOf(answer), loadEdges);
      await complete(() => map('host'), { isWanted: isWhole });
    };
    await expectWhole();
    const { nodes } = await complete(() => map('process'));
    assert.deepEqual(nodes.map(({ host }) => host).sort(), hosts.all.map(({ name }) => name).sort());

    // Each connection has two ends, whatever was rewritten between them.
    const ends: ConnectionsAnswer['connections'][number][] = [];
    const pageOf = (from: string) =>
      complete(() => a.get<ConnectionsAnswer>(`/connections?filter=${filter}&limit=50&${from}`));
    let page = await pageOf(range);
    while (true) {
      ends.push(...page.connections);
      if (page.next === undefined) break;
      page = await pageOf(`cursor=${page.next}`);
    }
    assert.equal(ends.length, 2 * count);
    const ids = [...new Set(ends.map(({ connection_id: id }) => id))];
    assert.equal(ids.length, count);
    const translated: string[] = [];
    for (const id of ids) {
      const { connections, joined } = await complete(() => a.get<ConnectionAnswer>(`/connections/${id}`));
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
    const having = (text: string) => translated.filter((each) => each.includes(text)).length;
    assert.deepEqual(
      [having('server 10.3.0.2 10.9.0.2 server 8080 80'), having('client 10.2.0.2 10.9.0.1')],
      [20, 15],
    );

    // Away: what its peers have of it is still there, once.
    await app.end();
    const away = [app.address];
    const partial = await complete(total, { away });
    assert.deepEqual(
      [partial.total.connections, partial.total.bytes_sent + partial.total.bytes_received],
      [count, bytes + count],
    );
    const missing = partial.incomplete.map(({ host, answered }) => ({ host, answered }));
    assert.deepEqual(missing, [{ host: app.address, answered: false }]);
    assert.match(partial.incomplete[0]!.reason, /ECONNREFUSED/);
    const without = edgesOf(await complete(() => map('host'), { away }));
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
