import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { offsetsTcpEvent, offsetsTuple } from '../src/generated/tcp.js';
import { ByteWriter } from '../src/json/byte-writer.js';
import { EventJson } from '../src/json/event-json.js';
import { JsonReader } from '../src/json/json-reader.js';
import { jsonLine } from '../src/json/record-json.js';
import { WallClock } from '../src/stream/clock.js';
import { EventDecoder } from '../src/stream/decode.js';
import { FakeRing, fakeStream } from './support/fake-ring.js';
import { randomEvent, randomFrom } from './support/random-events.js';

const decoder = new TextDecoder();
const interfaceAt = offsetsTcpEvent.tuple + offsetsTuple.interface;

describe('JSON lines made from events', () => {
  it('are byte for byte those of their records', () => {
    const random = randomFrom(4711);
    const clock = new WallClock(1_700_000_000_123_456_789n);
    const records = new EventDecoder(clock);
    const events = new EventJson(clock);
    const out = new ByteWriter(64);
    for (let count = 0; count < 20_000; count++) {
      const event = randomEvent(random);
      out.clear();
      events.write(out, event, 0);
      const line = decoder.decode(out.written());
      assert.equal(line, jsonLine(records.decode(event, 0)));
      JSON.parse(line);
    }
  });

  it('name an interface as it is named now', () => {
    const random = randomFrom(2);
    const clock = new WallClock(0n);
    let name: string | undefined = 'eth0';
    const interfaces = { name: (netns: number, index: number) => name && `${name} ${netns} ${index}` };
    const records = new EventDecoder(clock, interfaces);
    const events = new EventJson(clock, interfaces);
    for (name of ['eth0', 'renamed', undefined]) {
      for (let count = 0; count < 100; count++) {
        const event = randomEvent(random);
        event.setUint32(interfaceAt, count % 2 === 0 ? 0 : 1 + (count % 5), true);
        const out = new ByteWriter(4096);
        events.write(out, event, 0);
        const line = decoder.decode(out.written());
        assert.equal(line, jsonLine(records.decode(event, 0)));
        const isSocket = !line.includes('fd_install');
        assert.equal(
          line.includes(`"interface":"${name} `),
          isSocket && count % 2 === 1 && name !== undefined,
        );
      }
    }
  });

  it('follow the clock when it is set', () => {
    const random = randomFrom(1);
    const clock = new WallClock(0n);
    const records = new EventDecoder(clock);
    const events = new EventJson(clock);
    for (let step = 1; step < 200; step++) {
      clock.setOffset(BigInt(Math.floor(random() * 4e18)), step * 1e12);
      const out = new ByteWriter(4096);
      const event = randomEvent(random);
      events.write(out, event, 0);
      assert.equal(decoder.decode(out.written()), jsonLine(records.decode(event, 0)));
    }
  });
});

describe('numbers written as bytes', () => {
  it('have the digits of their text', () => {
    const random = randomFrom(99);
    const out = new ByteWriter(64);
    for (let digits = 0; digits <= 15; digits++) {
      for (const value of [
        10 ** digits,
        10 ** digits - 1,
        Math.floor(random() * 10 ** digits),
        -(10 ** digits),
      ]) {
        out.clear();
        out.makeRoom(64);
        out.number(value);
        assert.equal(decoder.decode(out.written()), String(value));
      }
    }
    out.clear();
    out.number(2 ** 53 - 1);
    assert.equal(decoder.decode(out.written()), String(2 ** 53 - 1));
  });
});

describe('batches of JSON lines', () => {
  it('have 512 lines at most, with the count of each kind', async () => {
    const ring = new FakeRing();
    const { stream } = fakeStream(ring);
    stream.hasReader = true;
    const random = randomFrom(5);
    for (let count = 0; count < 1300; count++) {
      const event = randomEvent(random);
      event.setBigUint64(0, BigInt(count), true);
      ring.add(event);
    }
    await stream.drain();
    const reader = new JsonReader(new WallClock(0n));
    const lengths: number[] = [];
    const kinds: Record<string, number> = {};
    for (let batch = reader.next(stream); batch !== undefined; batch = reader.next(stream)) {
      const lines = decoder.decode(batch.bytes).trimEnd().split('\n');
      lengths.push(lines.length);
      for (const line of lines) {
        const { event } = JSON.parse(line);
        kinds[event] = (kinds[event] ?? 0) - 1;
      }
      for (const [event, lines] of Object.entries(batch.counts)) kinds[event] = (kinds[event] ?? 0) + lines;
    }
    assert.deepEqual(lengths, [512, 512, 276]);
    assert.ok(
      Object.values(kinds).every((difference) => difference === 0),
      JSON.stringify(kinds),
    );
  });
});
