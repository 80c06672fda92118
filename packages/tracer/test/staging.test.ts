import assert from 'node:assert/strict';
import { it } from 'node:test';
import { offsetsTcpEvent, sizeofTcpEvent } from '../src/generated/tcp.js';
import { Staging } from '../src/stream/staging.js';

const { flowNs } = offsetsTcpEvent;

it('staged events keep their bytes while others come and go, and while the pool grows', () => {
  const source = new DataView(new ArrayBuffer(8 + sizeofTcpEvent));
  const staging = new Staging();
  const places = new Map<number, number>();
  for (let id = 0; id < 20_000; id++) {
    source.setUint32(8 + flowNs, id, true);
    source.setUint32(8 + sizeofTcpEvent - 4, ~id, true);
    assert.ok(staging.room > 0);
    places.set(id, staging.put(source, 8, 1, sizeofTcpEvent));
    if (id % 3 === 0) {
      staging.release(places.get(id)!);
      places.delete(id);
    }
  }
  for (const [id, place] of places) {
    const { view } = staging.block(place);
    const offset = staging.offset(place);
    assert.equal(view.getUint32(offset + flowNs, true), id);
    assert.equal(view.getUint32(offset + sizeofTcpEvent - 4, true), ~id >>> 0);
  }
  assert.equal(new Set(places.values()).size, places.size);
});
