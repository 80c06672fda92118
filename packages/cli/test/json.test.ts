import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EnrichedRecord } from '@weir/tracer/enrich';
import { unescapeName } from '@weir/tracer/escape';
import { eventNames, fieldOrder, jsonLine } from '@weir/tracer/json';
import {
  accept,
  close,
  connect,
  enriched,
  fail,
  fdInstall,
  longIpv6,
  lost,
  udpFlow,
} from './support/records.js';

describe('JSON lines', () => {
  it('parse to the record, one a line', () => {
    const records = [
      connect(),
      connect(longIpv6),
      accept(),
      close(),
      fail(),
      udpFlow(),
      fdInstall(),
      enriched(),
      lost(),
    ];
    for (const record of records) {
      const line = jsonLine(record);
      assert.equal(line.indexOf('\n'), line.length - 1);
      assert.deepEqual(JSON.parse(line), record);
    }
  });

  it('write fields in one order, whatever the order in the record', () => {
    const shuffled = Object.fromEntries(Object.entries(close()).reverse()) as unknown as ReturnType<
      typeof close
    >;
    assert.equal(jsonLine(shuffled), jsonLine(close()));
    assert.equal(
      jsonLine(connect()),
      '{"event":"connect","time":"2026-03-04T05:06:07.123456789Z","monotonic_ns":1234567890,"cpu":1,' +
        '"process":{"pid":4242,"tid":4243,"comm":"curl","uid":1000},"netns":4026531840,"cgroup_id":77,' +
        '"network":{"transport":"tcp","type":"ipv4"},"local":{"address":"10.0.0.5","port":40000},' +
        '"peer":{"address":"192.0.2.1","port":443},"direction":"outbound","flow_id":"00c0ffee","handshake_us":12345}\n',
    );
  });

  it('know every field of the record format', () => {
    for (const record of [connect(), accept(), close(), fail(), udpFlow(), fdInstall(), lost()]) {
      const known = new Set(fieldOrder(record.event));
      for (const name of Object.keys(record)) assert.ok(known.has(name), `${record.event}: ${name}`);
    }
    const seldom = { interface: 'eth0', thread: 'worker', connection_id: '0123456789abcdef' };
    const rare = close({ ...seldom, subflows: 2, filter: 'undecided' });
    const shared = accept({ accounted: 'listener', candidates: 3 });
    const all = [connect(), shared, rare, fail(), udpFlow(), fdInstall(), enriched(), lost()].flatMap(
      (record) => Object.keys(record),
    );
    assert.deepEqual([...new Set(all)].sort(), [...new Set(eventNames.flatMap(fieldOrder))].sort());
  });

  it('name the interface, and leave its number out', () => {
    const line = jsonLine(connect({ interface: 'eth\x1b0', interface_index: 3 }));
    assert.ok(line.includes('"direction":"outbound","interface":"eth\\u001b0","flow_id"'), line);
    assert.doesNotMatch(line, /interface_index/);
  });

  it('leave out what is unknown', () => {
    const { process: _, cgroup_id: __, ...rest } = connect();
    assert.doesNotMatch(jsonLine(rest), /process|cgroup_id|undefined|null/);
    const maker = JSON.parse(jsonLine(udpFlow({ process: { pid: 7 } }))).process;
    assert.deepEqual(maker, { pid: 7 });
  });

  it('escape what a terminal would act on', () => {
    const comm = '"\\\n\x1b\x9b\u202e\u2028進\udcff';
    const line = jsonLine(connect({ process: { pid: 1, tid: 1, comm, uid: 0 } }));
    assert.doesNotMatch(line.slice(0, -1), /\p{C}|\p{Zl}|\p{Zp}/u);
    assert.equal(JSON.parse(line).process.comm, '"\\\\\n\x1b\x9b\u202e\u2028進\\xff');
    const more = enriched();
    const process = { ...more.process, command_line: comm, executable: comm, unit: comm, container_id: comm };
    const hostile = { ...more, process, service: comm, peer: { ...more.peer, name: comm } };
    const enrichedLine = jsonLine(hostile as EnrichedRecord);
    assert.doesNotMatch(enrichedLine.slice(0, -1), /\p{C}|\p{Zl}|\p{Zp}/u);
    const parsed = JSON.parse(enrichedLine);
    for (const name of ['command_line', 'executable', 'unit', 'container_id']) {
      assert.equal(unescapeName(parsed.process[name]), comm);
    }
    assert.deepEqual({ ...parsed, process }, hostile);
  });
});
