/**
 * Records what discovery sees on the running kernel, for packages/tracer/test/fixtures:
 *
 *     node packages/tracer/dist/test/support/record-observations.js FILE
 */
import { release } from 'node:os';
import { knownFields } from '../../src/discovery/fields.js';
import { discover } from '../../src/discovery/index.js';
import type { Observations } from '../../src/discovery/observations.js';
import { kernelTypes, placeOf } from './layout.js';
import { writeRecording } from './recorded.js';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('which file?');
let observations: Observations | undefined;
discover({
  onObservations: (seen) => {
    observations = seen;
  },
});
const btf = kernelTypes();
const offsets = Object.fromEntries(
  knownFields.flatMap((field) => {
    const place = placeOf(btf, field);
    return place === undefined ? [] : [[field.field, place.offset]];
  }),
);
writeRecording(path, { kernel: release(), observations: observations!, offsets });
