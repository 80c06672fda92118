/** `weir serve` on a history with damaged segments. */
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { readAddresses } from '@weir/server/serve';
import { KilledServe } from './support/killed-serve.js';
import { TestNetns } from './support/load.js';
import { HOURS, makePastHours, ROWS } from './support/past-hours.js';
import { until } from './support/serve.js';

interface Answer {
  readonly total: { readonly connections: number };
  readonly losses: readonly { readonly count?: number; readonly detail?: string }[];
}

it('weir serve says which segments are damaged, sets them aside, and answers with the rest and the loss', async (context) => {
  const past = mkdtempSync(join(tmpdir(), 'weir-past-'));
  context.after(() => rmSync(past, { recursive: true, force: true }));
  await makePastHours(past);
  const folder = join(past, 'segments');
  const [first, second] = readdirSync(folder).filter((name) => name.startsWith('ends-'));
  truncateSync(join(folder, first!), statSync(join(folder, first!)).size - 100);
  using netns = new TestNetns();
  using serve = new KilledServe(netns, { past });
  await serve.ready();
  // Sums do not know what a connection sent: such a question reads the rows.
  const ask = async (filter = 'process=past sent>=0'): Promise<Answer> => {
    const [url] = readAddresses(serve.paths.addresses);
    const response = await fetch(`${url}/api/v1/groups?range=-12h&filter=${encodeURIComponent(filter)}`);
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as Answer;
  };
  const expectLost = async (segments: readonly string[]) => {
    const { total, losses } = await ask();
    const rest = (HOURS - segments.length) * ROWS;
    assert.equal(total.connections, rest);
    // From then on, sums of what is damaged do not count either.
    assert.equal((await ask('process=past')).total.connections, rest);
    const damaged = losses.filter(({ detail }) => /is damaged/.test(detail ?? ''));
    assert.deepEqual(
      damaged.map(({ count }) => count),
      segments.map(() => ROWS),
    );
    for (const name of segments) {
      assert.ok(damaged.some(({ detail }) => detail!.includes(name)));
      await until(`${name} is reported`, () => serve.said.includes(`${name} is damaged: `));
    }
  };
  await expectLost([first!]);
  const path = join(serve.paths.history, 'segments', second!);
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(statSync(path).size - 200, 0xa5), 0, undefined, 4);
  closeSync(file);
  await expectLost([first!, second!]);
  serve.killServer();
  await until('the next server answers', async () => (await ask().catch(() => undefined)) !== undefined);
  await expectLost([first!, second!]);
  const aside = readdirSync(join(serve.paths.history, 'segments')).filter((name) => /\.damaged$/.test(name));
  assert.deepEqual(aside.sort(), [`${first}.damaged`, `${second}.damaged`]);
  await serve.end();
});
