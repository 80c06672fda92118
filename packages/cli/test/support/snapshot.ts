/** Texts that are kept in test/snapshots, to be looked at by people when they change. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../test/snapshots/', import.meta.url));

/** With WEIR_UPDATE_SNAPSHOTS=1 in the environment the text is kept instead of compared. */
export function assertSnapshot(name: string, text: string): void {
  const path = `${folder}${name}.txt`;
  if (process.env.WEIR_UPDATE_SNAPSHOTS === '1') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path, text);
    return;
  }
  assert.equal(text, readFileSync(path, 'utf8'), `${path}; WEIR_UPDATE_SNAPSHOTS=1 replaces it`);
}
