/** When a pinned map is what an object asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shapeDifferences } from '../src/load/maps.js';
import type { MapInfo } from '../src/map/map-info.js';
import type { MapSpec } from '../src/object/spec.js';
import { possibleCpus } from '../src/sys/cpus.js';
import { MapFlag } from '../src/uapi/flags.js';
import { MapType } from '../src/uapi/map-types.js';

const spec: MapSpec = { name: 'm', type: MapType.hash, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0 };

function differences(wanted: Partial<MapSpec>, found: Partial<MapInfo>): string[] {
  const info = { type: MapType.hash, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0, mapExtra: 0n };
  const rest = { id: 1, name: 'm', ifindex: 0, btfId: 0, keyTypeId: 0, valueTypeId: 0 };
  return shapeDifferences({ ...spec, ...wanted }, { ...info, ...rest, ...found });
}

test('each part of a shape is compared, and named', () => {
  assert.deepEqual(differences({}, {}), []);
  assert.deepEqual(differences({}, { type: MapType.lruHash }), [
    'its kind is BPF_MAP_TYPE_LRU_HASH, not BPF_MAP_TYPE_HASH',
  ]);
  assert.deepEqual(differences({}, { keySize: 8 }), ['its key size is 8, not 4']);
  assert.deepEqual(differences({}, { valueSize: 4 }), ['its value size is 4, not 8']);
  assert.deepEqual(differences({}, { maxEntries: 17 }), ['its number of entries is 17, not 16']);
  assert.deepEqual(differences({ flags: MapFlag.noPrealloc }, {}), ['its flags are 0x0, not 0x1']);
  assert.deepEqual(differences({ mapExtra: 3n }, { mapExtra: 5n }), ['its map_extra is 5, not 3']);
  assert.equal(differences({ numaNode: 0 }, {}).length, 1);
  assert.deepEqual(differences({ numaNode: 0 }, { flags: MapFlag.numaNode }), []);
});

test('sizes are compared as the kernel rounds them', () => {
  const ring = { type: MapType.ringbuf, keySize: 0, valueSize: 0 };
  assert.deepEqual(differences({ ...ring, maxEntries: 5000 }, { ...ring, maxEntries: 8192 }), []);
  assert.equal(differences({ ...ring, maxEntries: 5000 }, { ...ring, maxEntries: 16384 }).length, 1);
  const perf = { type: MapType.perfEventArray, valueSize: 4 };
  const cpus = possibleCpus();
  assert.deepEqual(differences({ ...perf, maxEntries: 0 }, { ...perf, maxEntries: cpus.at(-1)! + 1 }), []);
  const lru = { type: MapType.lruHash, flags: MapFlag.noCommonLru };
  const rounded = Math.ceil(1001 / cpus.length) * cpus.length;
  assert.deepEqual(differences({ ...lru, maxEntries: 1001 }, { ...lru, maxEntries: rounded }), []);
  const devmap = { type: MapType.devmap };
  assert.deepEqual(differences(devmap, { ...devmap, flags: MapFlag.rdonlyProg }), []);
});
