/** Creates a map and prints why that failed: for running as somebody else. */
import { createMap } from '../../src/map/open.js';
import { MapType } from '../../src/uapi/map-types.js';

try {
  createMap({ name: 'mine', type: MapType.hash, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 });
  console.log('created');
} catch (error) {
  console.log((error as Error).message);
}
