/** `weir trace` with `--networks` and `--geo`, over connections of loopback in a network namespace of its own. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { traceWhile } from './support/command.js';
import { TestNetns } from './support/load.js';

const { countries, systems } = (await import(
  new URL('../../../server/dist/test/support/mmdb.js', import.meta.url).href
)) as typeof import('../../server/test/support/mmdb.js');

const folder = mkdtempSync(join(tmpdir(), 'weir-trace-networks-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

it('has groups, countries and autonomous systems of peers, and filters by them', async () => {
  using netns = new TestNetns();
  const files = [
    ...['--networks', write('list.csv', '127.0.0.0/8,local\n')],
    ...['--geo', write('country.mmdb', countries({ '8.8.0.0/16': 'US' }))],
    ...['--geo', write('asn.mmdb', systems({ '8.8.0.0/16': [15_169, 'GOOGLE'] }))],
  ];
  // The address is one of loopback there: nothing leaves the namespace.
  const inside = ['netns', 'exec', netns.name];
  execFileSync('ip', [...inside, 'ip', 'address', 'add', '8.8.8.8/32', 'dev', 'lo']);
  const attempts = 'for to in 127.0.0.1 8.8.8.8; do (exec 3<>/dev/tcp/$to/9) 2>/dev/null; done; true';
  const run = async () => execFileSync('ip', [...inside, 'bash', '-c', attempts]);
  const peers = async (more: readonly string[]) => {
    const args = ['--json', '--netns', netns.name, '-e', 'fail', ...files, ...more];
    const { stdout } = await traceWhile(args, run);
    const lines = stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => (JSON.parse(line) as { peer: object }).peer);
  };
  const local = { address: '127.0.0.1', port: 9, group: 'local' };
  const far = { address: '8.8.8.8', port: 9, country: 'US', asn: 15_169, as_org: 'GOOGLE' };
  assert.deepEqual(await peers([]), [local, far]);
  assert.deepEqual(await peers(['--filter', 'country=US']), [far]);
});
