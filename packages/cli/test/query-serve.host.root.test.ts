/** `weir query` in a second terminal, beside a running `weir serve`. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { addToken, serverPlaces } from '@weir/server';
import { asNobody, onlyLine, runWeir } from './support/command.js';
import { TestNetns } from './support/load.js';
import { folder, port, Serve, until } from './support/serve.js';

const COUNT = 20;
const asAnybody = ['setpriv', '--reuid=4321', '--regid=4321', '--clear-groups'];

const load = (netns: TestNetns) => netns.load('pairs', '--count', `${COUNT}`, '--send', '9', '--reply', '9');

/** Lines of an answer, once it has all connections. */
async function answerOf(serve: Serve, prefix: readonly string[] = []): Promise<string[]> {
  let lines: string[] = [];
  await until('all connections in the answer', async () => {
    const args = ['query', '-10m', '--json', '--folder', serve.paths.folder];
    const { status, stdout, stderr } = await runWeir(args, prefix);
    assert.equal(status, 0, stderr);
    lines = stdout.split('\n').slice(0, -1);
    return lines.length === 2 * COUNT;
  });
  return lines;
}

describe('weir query beside weir serve', () => {
  it('answers root, the user of the server and any other user alike, and still when the server has ended', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    await load(netns);
    const lines = await answerOf(serve);
    assert.deepEqual(await answerOf(serve, asNobody()), lines);
    assert.deepEqual(await answerOf(serve, asAnybody), lines);
    await (await serve.history()).close();
    assert.deepEqual(await answerOf(serve), lines);
    const refused = await runWeir(['query', '--folder', serve.paths.folder], asAnybody);
    assert.match(onlyLine(refused.stderr), /permission denied; ask as root/);
    assert.equal(refused.status, 2);
  });

  it('says to other users what to do where the server wants a token', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    const token = addToken(serverPlaces(serve.paths.server).tokens, { name: 'reader', role: 'read' });
    writeFileSync(`${folder}/token`, token, { mode: 0o644 });
    const ask = (...more: string[]) => runWeir(['query', '--folder', serve.paths.folder, ...more], asAnybody);
    await until('the token counts', async () => (await ask()).status !== 0);
    const { status, stderr } = await ask();
    assert.equal(
      onlyLine(stderr),
      `http://127.0.0.1:${port} wants a token: ask as root (sudo weir query), or with --token FILE (weir serve token add NAME makes one)`,
    );
    assert.equal(status, 2);
    assert.equal((await ask('--token', `${folder}/token`)).status, 0);
    assert.equal((await runWeir(['query', '--folder', serve.paths.folder])).status, 0);
    await (await serve.history()).close();
  });

  it('sends a token to no other user who listens there once the server has ended', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    const token = addToken(serverPlaces(serve.paths.server).tokens, { name: 'reader', role: 'read' });
    writeFileSync(`${folder}/token`, token, { mode: 0o644 });
    const published = readFileSync(serve.paths.addresses, 'utf8');
    await (await serve.history()).close();
    writeFileSync(serve.paths.addresses, published);
    const program = `require('net').createServer((s) => s.on('data', (d) => console.log(String(d)))).listen(${port}, '127.0.0.1', () => console.log('ready'))`;
    const [command, ...more] = [...asAnybody, process.execPath, '-e', program];
    const other = spawn(command!, more, { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      let received = '';
      other.stdout.on('data', (data) => {
        received += data;
      });
      await until('the other user listens', () => received !== '');
      const asked = ['query', '--folder', serve.paths.folder, '--token', `${folder}/token`];
      const { status, stderr } = await runWeir(asked);
      assert.match(onlyLine(stderr), /user 4321 listens there, .*: no token was sent$/);
      assert.equal(status, 2);
      assert.equal(received, 'ready\n');
      chownSync(serve.paths.folder, 4321, 4321);
      assert.match(onlyLine((await runWeir(asked)).stderr), /belongs to user 4321, who would get the token/);
    } finally {
      other.kill();
    }
  });

  it('waits for a server that starts', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns);
    await serve.ready();
    await load(netns);
    await answerOf(serve);
    for (let round = 0; round < 5; round++) {
      const server = serve.server!;
      process.kill(server, 'SIGKILL');
      assert.equal((await answerOf(serve)).length, 2 * COUNT);
      await serve.serverAfter(server);
    }
    await (await serve.history()).close();
  });
});
