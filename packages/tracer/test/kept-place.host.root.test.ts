/** Where accept() reads is looked for by the first start after a boot, and by a later one only where nothing valid is kept. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type AcceptBreakpoint, loadAcceptPlace, storeAcceptPlace } from '../src/hooks/accept-place.js';

const program = fileURLToPath(import.meta.resolve('./support/accept-place-program.js'));

/** A cache of its own, where starts are processes of their own. */
class Starts implements Disposable {
  readonly #cache = mkdtempSync(join(tmpdir(), 'weir-place-'));
  readonly folder = join(this.#cache, 'weir');
  readonly file = join(this.folder, 'accept-place.json');

  /** Skips the test where this machine has no such place. */
  first(context: TestContext): AcceptBreakpoint | undefined {
    const { reason, found } = this.#start();
    if (found === undefined) context.skip(reason ?? '');
    return found;
  }

  next(): AcceptBreakpoint | undefined {
    return this.#start().found;
  }

  #start(): { readonly reason?: string; readonly found?: AcceptBreakpoint } {
    const env = { ...process.env, XDG_CACHE_HOME: this.#cache };
    const answer = JSON.parse(execFileSync(process.execPath, [program], { env, encoding: 'utf8' }));
    if (answer.place === undefined) return { reason: answer.reason };
    const number = (digits: string) => BigInt(`0x${digits}`);
    return { found: { pointers: answer.pointers.map(number), place: number(answer.place) } };
  }

  [Symbol.dispose](): void {
    rmSync(this.#cache, { recursive: true });
  }
}

describe('a start', () => {
  it('takes what an earlier one of this boot has found, and does not look for it', (t) => {
    using starts = new Starts();
    const found = starts.first(t);
    if (found === undefined) return;
    assert.deepEqual(loadAcceptPlace(starts.folder), found);
    const { ino, mtimeNs } = statSync(starts.file, { bigint: true });
    assert.deepEqual(starts.next(), found);
    const after = statSync(starts.file, { bigint: true });
    assert.deepEqual([after.ino, after.mtimeNs], [ino, mtimeNs]);
    // Whoever looked for it would not find this one.
    const other = { ...found, place: found.place + 0x1000n };
    assert.ok(storeAcceptPlace(other, starts.folder));
    assert.deepEqual(starts.next(), other);
  });

  it('looks for it where what is kept is damaged, and keeps what it finds', (t) => {
    using starts = new Starts();
    const found = starts.first(t);
    if (found === undefined) return;
    const text = readFileSync(starts.file, 'utf8');
    const last = found.place.toString(16);
    const wrong = last.slice(0, -1) + (last.endsWith('0') ? '1' : '0');
    assert.ok(text.includes(last));
    writeFileSync(starts.file, text.replace(last, wrong));
    assert.deepEqual(starts.next(), found);
    assert.deepEqual(loadAcceptPlace(starts.folder), found);
  });

  it('does not go by what somebody else could have written', (t) => {
    using starts = new Starts();
    const found = starts.first(t);
    if (found === undefined) return;
    const other = { ...found, place: found.place + 0x1000n };
    const elsewhere = join(starts.folder, 'elsewhere');
    const plants: (() => void)[] = [
      () => execFileSync('chown', ['nobody', starts.file]),
      () => chmodSync(starts.file, 0o666),
      () => {
        execFileSync('mv', [starts.file, elsewhere]);
        symlinkSync(elsewhere, starts.file);
      },
      () => execFileSync('ln', [starts.file, elsewhere]),
      () => {
        rmSync(starts.file);
        execFileSync('mkfifo', ['-m', '600', starts.file]);
      },
    ];
    for (const plant of plants) {
      rmSync(elsewhere, { force: true });
      assert.ok(storeAcceptPlace(other, starts.folder));
      plant();
      assert.deepEqual(starts.next(), found, plant.toString());
      // It is replaced by what was found.
      assert.deepEqual(loadAcceptPlace(starts.folder), found);
    }
  });
});
