/** Discovered fields are kept for the same kernel, and for no other. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  cacheFolder,
  decodeCache,
  encodeCache,
  type KernelIdentity,
  loadCachedFields,
  storeFields,
} from '../src/discovery/cache.js';
import { type DiscoveredField, knownFields } from '../src/discovery/fields.js';

const kernel: KernelIdentity = { release: '4.18.0', version: '#1 SMP', notes: 'abc', architecture: 'x64' };
const fields: DiscoveredField[] = knownFields.map((field, index) => ({
  ...field,
  offset: index * 8,
  how: 'values',
  candidates: 1,
}));

const findings = { fields, lacked: [] };

describe("a cache file's content", () => {
  it('is the fields that were found', () => {
    assert.deepEqual(decodeCache(encodeCache(findings, kernel), kernel), fields);
  });

  it('is rejected for a process that would find more', () => {
    const text = encodeCache({ fields, lacked: ['CAP_NET_ADMIN'] }, kernel);
    assert.deepEqual(decodeCache(text, kernel, new Set(['CAP_BPF'])), fields);
    assert.equal(decodeCache(text, kernel, new Set(['CAP_BPF', 'CAP_NET_ADMIN'])), undefined);
  });

  it('is rejected for another kernel', () => {
    const text = encodeCache(findings, kernel);
    for (const key of ['release', 'version', 'notes', 'architecture'] as const)
      assert.equal(decodeCache(text, { ...kernel, [key]: 'other' }), undefined);
  });

  it('is rejected if damaged anywhere', () => {
    const text = encodeCache(findings, kernel);
    for (let length = 0; length < text.length - 1; length += 13)
      assert.equal(decodeCache(text.slice(0, length), kernel), undefined);
    const change = (edit: (content: { format: number; fields: Record<string, unknown>[] }) => void) => {
      const content = JSON.parse(text);
      edit(content);
      return decodeCache(JSON.stringify(content), kernel);
    };
    const damages: Record<string, unknown>[] = [
      { offset: -4 },
      { offset: 1.5 },
      { offset: 9000 },
      { offset: '8' },
      { size: 0 },
      { size: 64 },
      { how: 'guess' },
      { candidates: null },
      { field: 'skc_unknown' },
      { struct: 'net' },
      { field: 'skc_rcv_saddr' },
    ];
    for (const damage of damages) {
      const result = change((content) => Object.assign(content.fields[0]!, damage));
      assert.equal(result, undefined, JSON.stringify(damage));
    }
    assert.equal(
      change((content) => {
        content.fields = [];
      }),
      undefined,
    );
    assert.equal(
      change((content) => {
        content.format = 0;
      }),
      undefined,
    );
    for (const other of ['null', '[]', '"x"', '{"format":4,"lacked":[],"fields":[null]}'])
      assert.equal(decodeCache(other, kernel), undefined);
  });
});

describe('the cache of discovered fields', () => {
  it('is a file that only this user can read', () => {
    const parent = mkdtempSync(join(tmpdir(), 'weir-cache-'));
    try {
      const folder = join(parent, 'a/weir');
      assert.equal(loadCachedFields(folder, kernel), undefined);
      assert.equal(storeFields(findings, folder, kernel), true);
      assert.equal(storeFields(findings, folder, kernel), true);
      assert.deepEqual(loadCachedFields(folder, kernel), fields);
      assert.equal(loadCachedFields(folder, { ...kernel, release: '4.19.0' }), undefined);
      const [file, ...others] = readdirSync(folder);
      assert.deepEqual(others, []);
      const path = join(folder, file!);
      assert.equal(statSync(folder).mode & 0o777, 0o700);
      assert.equal(statSync(join(parent, 'a')).mode & 0o777, 0o777 & ~process.umask());
      assert.equal(statSync(path).mode & 0o777, 0o600);
      writeFileSync(path, readFileSync(path).subarray(0, 100));
      assert.equal(loadCachedFields(folder, kernel), undefined);
    } finally {
      rmSync(parent, { recursive: true });
    }
  });

  it("counts as none where it may be another's, or is no file", () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-cache-'));
    try {
      const path = () => join(folder, readdirSync(folder)[0]!);
      const plants: ((path: string) => void)[] = [
        (path) => chmodSync(path, 0o622),
        (path) => truncateSync(path, 1 << 20),
        (path) => {
          renameSync(path, `${path}.moved`);
          symlinkSync(`${path}.moved`, path);
        },
        (path) => linkSync(path, `${path}.second`),
        (path) => {
          rmSync(path);
          execFileSync('mkfifo', ['-m', '600', path]);
        },
      ];
      for (const plant of plants) {
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        assert.ok(storeFields(findings, folder, kernel));
        assert.deepEqual(loadCachedFields(folder, kernel), fields);
        plant(path());
        assert.equal(loadCachedFields(folder, kernel), undefined, plant.toString());
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('may be absent', () => {
    assert.equal(storeFields(findings, '/dev/null/weir', kernel), false);
  });

  it('is in the folder for caches', () => {
    assert.equal(cacheFolder({}, 0), '/var/cache/weir');
    assert.match(cacheFolder({}, 1000), /\/\.cache\/weir$/);
    assert.equal(cacheFolder({ XDG_CACHE_HOME: '/x' }, 0), '/x/weir');
    assert.match(cacheFolder({ XDG_CACHE_HOME: 'relative' }, 1000), /\/\.cache\/weir$/);
  });
});
