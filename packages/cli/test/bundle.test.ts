/** What the bundles of commands that must start fast import. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

/** Modules that a bundle imports before it runs. */
function imports(name: string): string[] {
  const text = readFileSync(new URL(`../bundle/${name}.js`, import.meta.url), 'utf8');
  return [...text.matchAll(/^(?:import|export|\}) ?(?:[^;'"]*? from )?"([^"]+)";/gm)].map(
    (match) => match[1]!,
  );
}

describe('the bundle', () => {
  for (const command of ['trace', 'top']) {
    it(`of weir ${command} is one file, and imports only built-in modules that load fast`, () => {
      const names = imports(`${command}-entry`);
      assert.ok(names.includes('node:fs'), String(names));
      assert.deepEqual(
        names.filter((name) => !name.startsWith('node:')),
        [],
      );
      // Each takes milliseconds, and only rarely is one of them needed.
      const slow = ['crypto', 'http', 'dns', 'dns/promises', 'zlib', 'child_process', 'stream/promises'];
      assert.deepEqual(
        names.filter((name) => slow.includes(name.slice('node:'.length))),
        [],
      );
    });
  }

  it('of all commands loads each command when it runs', () => {
    const text = readFileSync(new URL('../bundle/entry-point.js', import.meta.url), 'utf8');
    for (const module of ['run-trace', 'run-top', 'run-query', 'run-serve', 'run-doctor', 'run-request'])
      assert.match(text, new RegExp(`import\\("\\./${module}-`));
  });
});
