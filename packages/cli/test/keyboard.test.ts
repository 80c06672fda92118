/** Keys, from the bytes that a terminal sends; and the terminal, when the process ends abruptly. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Key } from '../src/top/screen/keys.js';
import { escapeDelayMs, Keyboard } from '../src/top/ui/keyboard.js';
import { FakeStdin } from './support/fake-terminal.js';

/** The keys that these pieces of input are, each of which arrives by itself. */
async function keysFrom(...pieces: readonly (string | Uint8Array)[]): Promise<Key[]> {
  const stdin = new FakeStdin();
  const keys: Key[] = [];
  const keyboard = new Keyboard(stdin.asStream, (key) => keys.push(key));
  keyboard.start();
  for (const piece of pieces) {
    stdin.write(piece);
    await new Promise(setImmediate);
  }
  await new Promise((resolve) => setTimeout(resolve, 2 * escapeDelayMs));
  keyboard.stop();
  return keys;
}

const named = (...names: NonNullable<Key['name']>[]): Key[] => names.map((name) => ({ text: '', name }));
const typed = (text: string): Key[] => [...text].map((character) => ({ text: character }));

describe('keys from a terminal', () => {
  it('arrows, Home, End and Page keys have names, in the sequences of all usual terminals', async () => {
    const sequences: readonly [NonNullable<Key['name']>, readonly string[]][] = [
      ['up', ['\x1b[A', '\x1bOA']],
      ['down', ['\x1b[B', '\x1bOB']],
      ['right', ['\x1b[C', '\x1bOC']],
      ['left', ['\x1b[D', '\x1bOD']],
      ['home', ['\x1b[H', '\x1bOH', '\x1b[1~', '\x1b[7~']],
      ['end', ['\x1b[F', '\x1bOF', '\x1b[4~', '\x1b[8~']],
      ['pageup', ['\x1b[5~']],
      ['pagedown', ['\x1b[6~']],
      ['enter', ['\r', '\n']],
      ['backspace', ['\x7f', '\b', '\x1b[3~']],
    ];
    for (const [name, spellings] of sequences) {
      assert.deepEqual(await keysFrom(spellings.join('')), named(...spellings.map(() => name)));
    }
  });

  it('an escape character alone is Escape; one at the start of a sequence in pieces is not', async () => {
    assert.deepEqual(await keysFrom('\x1b'), named('escape'));
    assert.deepEqual(await keysFrom('\x1b', '[', 'B', '\x1b[', '5~'), named('down', 'pageup'));
  });

  it('Ctrl and a letter is that letter with ctrl', async () => {
    assert.deepEqual(await keysFrom('\x03\x1a\x17'), [
      { text: 'c', ctrl: true },
      { text: 'z', ctrl: true },
      { text: 'w', ctrl: true },
    ]);
  });

  it('characters of several bytes are whole, however their bytes arrive', async () => {
    const text = 'aä漢🦊 G/';
    assert.deepEqual(await keysFrom(text), typed(text));
    assert.deepEqual(
      await keysFrom(...[...Buffer.from(text)].map((byte) => Uint8Array.of(byte))),
      typed(text),
    );
  });

  it('pasted text is as many keys, without the brackets that a terminal may put around it', async () => {
    assert.deepEqual(await keysFrom('\x1b[200~ab\rc\x1b[201~'), [
      ...typed('ab'),
      ...named('enter'),
      ...typed('c'),
    ]);
  });

  it('Alt is ignored, and so are keys without a meaning', async () => {
    assert.deepEqual(await keysFrom('\x1bx', '\x1b/', '\x1b\r'), [...typed('x/'), ...named('enter')]);
    assert.deepEqual(await keysFrom('\t', '\x1b[Z', '\x1b[2~', '\x1bOP', '\x1b[15~', '\x1b[15;5~'), []);
  });

  it('keys are read in raw mode, again after a stop, and not while stopped', async () => {
    const stdin = new FakeStdin();
    const keys: Key[] = [];
    const keyboard = new Keyboard(stdin.asStream, (key) => keys.push(key));
    for (const character of 'ab') {
      keyboard.start();
      assert.equal(stdin.isRaw, true);
      stdin.write(character);
      await new Promise(setImmediate);
      keyboard.stop();
      assert.equal(stdin.isRaw, false);
      assert.ok(stdin.isPaused());
    }
    assert.deepEqual(keys, typed('ab'));
    assert.equal(stdin.listenerCount('keypress'), 0);
  });
});

describe('a process that ends abruptly', () => {
  const script = fileURLToPath(new URL('support/abrupt-process.js', import.meta.url));
  const end = (way: string) => spawnSync(process.execPath, [script, way], { encoding: 'utf8' });

  for (const way of ['exit', 'error', 'rejection', 'SIGQUIT', 'SIGABRT', 'SIGUSR2']) {
    it(`gives the terminal back before it ends by ${way}, and ends as it would have`, () => {
      const { stderr, status, signal } = end(way);
      assert.match(stderr, /^restored\n/);
      if (way.startsWith('SIG')) assert.equal(signal, way);
      else assert.equal(status, way === 'exit' ? 3 : 1);
      if (way === 'error' || way === 'rejection') assert.match(stderr, /nobody catches this/);
    });
  }

  it('gives nothing back that was given back before', () => {
    assert.deepEqual([end('disposed').stderr, end('disposed').status], ['', 0]);
  });
});
