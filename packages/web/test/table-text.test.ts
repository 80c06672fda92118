import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndedConnection } from '../src/api/api-types.js';
import { readFields } from '../src/table/group-fields.js';
import {
  readColumns,
  resizeColumn,
  toggleColumn,
  USUAL_COLUMNS,
  writeColumns,
} from '../src/views/table/column-choice.js';
import { csvFormat, exportRows, jsonFormat } from '../src/views/table/export-rows.js';
import { hasTerm, negated, termsOf, toggleTerm, valueTerm } from '../src/views/table/facet-terms.js';
import { csvLine, tabText } from '../src/views/table/table-text.js';

describe('terms of facets', () => {
  it('are found in filters that only join terms', () => {
    assert.deepEqual(termsOf('comm=a and not peer="x y" port:80'), ['comm=a', 'not peer="x y"', 'port:80']);
    assert.equal(termsOf('comm=a or comm=b'), undefined);
    assert.deepEqual(termsOf('not (comm=a or x) y'), ['not (comm=a or x)', 'y']);
    assert.deepEqual(termsOf('comm="a or (b"'), ['comm="a or (b"']);
  });

  it('are put in and taken out', () => {
    assert.equal(toggleTerm('', 'comm=a'), 'comm=a');
    assert.equal(toggleTerm('port=80 comm=a', 'comm=a'), 'port=80');
    assert.equal(toggleTerm('not comm=a', 'comm=a'), 'comm=a');
    assert.equal(toggleTerm('a or b', 'comm=a'), '(a or b) comm=a');
    assert.ok(hasTerm('port=80 and not comm=a', 'not comm=a'));
  });

  it('have an opposite', () => {
    assert.equal(valueTerm('process', 'x', true), 'not comm=x');
    assert.equal(valueTerm('error', null, true), 'error=*');
    assert.equal(valueTerm('pod', 'web/front', true), 'not (namespace=web pod_name=front)');
    assert.equal(negated('not comm="a b"'), 'comm="a b"');
    const peer = 'peer=10.0.0.1 not peer_name=*';
    assert.equal(valueTerm('peer_name', '10.0.0.1'), peer);
    assert.equal(valueTerm('peer_name', 'fe80::1%eth0'), 'peer=fe80::1 not peer_name=*');
    assert.equal(valueTerm('peer_name', 'host.example'), 'peer_name=host.example');
    assert.ok(hasTerm(`port=80 ${peer}`, peer));
    assert.equal(toggleTerm(`port=80 ${peer}`, peer), 'port=80');
    assert.equal(toggleTerm(`port=80 ${peer}`, negated(peer)), `port=80 not (${peer})`);
    assert.equal(toggleTerm(`port=80 not (${peer})`, peer), `port=80 ${peer}`);
    assert.equal(valueTerm('nothing', 'x'), undefined);
  });
});

describe('columns', () => {
  it('are written in links, and read from them', () => {
    const columns = readColumns('process:240,time,nonsense,peer:1');
    assert.deepEqual(
      columns.map(({ id, width }) => [id, width]),
      [
        ['time', 142],
        ['process', 240],
        ['peer', 40],
      ],
    );
    assert.equal(writeColumns(columns), 'time,process:240,peer:40');
    assert.equal(writeColumns(readColumns('')), USUAL_COLUMNS);
    assert.equal(writeColumns(readColumns('<script>,__proto__')), USUAL_COLUMNS);
  });

  it('are chosen one by one, and one stays', () => {
    const one = readColumns('time');
    assert.deepEqual(toggleColumn(one, 'time'), one);
    assert.equal(writeColumns(toggleColumn(readColumns('time,peer:90'), 'process')), 'time,process,peer:90');
    assert.equal(writeColumns(resizeColumn(one, 'time', 10_000)), 'time:900');
  });

  it('to group by are those that there are, each once', () => {
    assert.deepEqual(readFields('peer,peer,nonsense,process,port', 2), ['peer', 'process']);
  });
});

describe('text for other programs', () => {
  it('has no formula, no control and no hidden character of a name', () => {
    assert.equal(
      tabText([['=1+1', 'a\tb\nc', '\u202eabc', 5, undefined]]),
      "'=1+1\ta\\u0009b\\u000ac\t\\u202eabc\t5\t",
    );
    assert.equal(csvLine(['a,"b"', '@x', -5, 'ü']), `"a,""b""",'@x,-5,ü\r\n`);
  });

  it('is exported page by page up to a limit', async () => {
    const connection = (pid: number): EndedConnection => ({
      ...{ event: 'close', host: '0'.repeat(16), time: '2026-11-27T10:00:00.000000000Z', monotonic_ns: pid },
      process: { pid, comm: '-x' },
      network: { transport: 'tcp', type: 'ipv4' },
      ...{ local: { address: '10.0.0.1', port: 1 }, peer: { address: '10.0.0.2', port: 2 } },
    });
    const read = async (limit: number, cursor = '0') => {
      const start = Number(cursor);
      const rows = Array.from({ length: Math.min(limit, 3, 8 - start) }, (_, at) => connection(start + at));
      const end = start + rows.length;
      return { connections: rows, ...(end < 8 && { next: String(end) }) };
    };
    const json = await exportRows(read, jsonFormat, () => {});
    assert.deepEqual([json.rows, json.isCut], [8, false]);
    assert.deepEqual(
      (JSON.parse(json.parts.join('')) as EndedConnection[]).map(({ monotonic_ns }) => monotonic_ns),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
    const csv = await exportRows(read, csvFormat(readColumns('process,pid')), () => {}, 4);
    assert.deepEqual([csv.rows, csv.isCut], [4, true]);
    assert.equal(csv.parts.join(''), "process,pid\r\n'-x,0\r\n'-x,1\r\n'-x,2\r\n'-x,3\r\n");
  });
});
