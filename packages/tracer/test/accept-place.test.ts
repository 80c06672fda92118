/** Where accept() reads is kept for the same boot, and for no other. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  type BootIdentity,
  bootIdentity,
  decodeAcceptPlace,
  encodeAcceptPlace,
  loadAcceptPlace,
  storeAcceptPlace,
} from '../src/hooks/accept-place.js';

const identity: BootIdentity = { boot: 'a-b-c', release: '6.18.1', ipv6: true, patches: [] };
const found = { pointers: [0xffff_ffff_8327_8c08n, 0xffff_ffff_8327_9b68n], place: 0xffff_ffff_8200_ab61n };

describe('the content of the file', () => {
  const text = encodeAcceptPlace(found, identity);

  it('is what was found', () => {
    assert.deepEqual(decodeAcceptPlace(text, identity), found);
  });

  it('is rejected after another boot, with IPv6 that came later, and with a patch of the kernel', () => {
    const others = [{ boot: 'other' }, { release: '6.18.2' }, { ipv6: false }, { patches: ['fix'] }];
    for (const other of others) assert.equal(decodeAcceptPlace(text, { ...identity, ...other }), undefined);
  });

  it('is rejected if damaged', () => {
    for (let length = 0; length < text.length - 1; length++)
      assert.equal(decodeAcceptPlace(text.slice(0, length), identity), undefined);
    // One that still is JSON, with an address in it, as well.
    for (let at = 0; at < text.length - 1; at++) {
      for (const other of ['0', 'f', ' ']) {
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        if (changed !== text) assert.equal(decodeAcceptPlace(changed, identity), undefined, changed);
      }
    }
    for (const other of ['null', '1', '[]', '{"checked":1}'])
      assert.equal(decodeAcceptPlace(other, identity), undefined);
  });

  it('is rejected if it makes no sense', () => {
    const user = 0x7fff_8327_8c08n;
    for (const wrong of [
      { pointers: [] },
      { pointers: [...found.pointers, ...found.pointers] },
      { pointers: [found.pointers[0]!, user] },
      { place: user },
      { place: 1n },
    ])
      assert.equal(
        decodeAcceptPlace(encodeAcceptPlace({ ...found, ...wrong }, identity), identity),
        undefined,
      );
  });
});

describe('the file', () => {
  it('is for its owner only, and read while nobody else could write it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-accept-'));
    try {
      assert.equal(loadAcceptPlace(folder, identity), undefined);
      assert.ok(storeAcceptPlace(found, folder, identity));
      const [name] = readdirSync(folder);
      const path = join(folder, name!);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual(loadAcceptPlace(folder, identity), found);
      chmodSync(path, 0o622);
      assert.equal(loadAcceptPlace(folder, identity), undefined);
      chmodSync(path, 0o600);
      writeFileSync(path, '{}');
      assert.equal(loadAcceptPlace(folder, identity), undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is not written where there is no folder to write to', () => {
    assert.equal(storeAcceptPlace(found, '/dev/null/weir', identity), false);
  });

  it('is of the running kernel', () => {
    assert.match(bootIdentity()?.boot ?? '', /^[0-9a-f-]{36}$/);
  });
});
