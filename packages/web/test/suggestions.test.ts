import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { filterTerm, joinFilters, narrowFilter, quoteValue } from '../src/filter/filter-term.js';
import { accept, suggest, wantedValues } from '../src/filter/suggestions.js';

const format = (count: number) => `${count}`;

describe('suggestions of the filter bar', () => {
  test('name fields for what is typed', () => {
    const { list, from } = suggest('port:443 pro', 12, [], [], format);
    assert.equal(from, 9);
    assert.ok(list.some(({ text, kind }) => text === 'proc:' && kind === 'field'));
  });

  test('name values that occur before those of the language', () => {
    const text = 'comm:sh';
    assert.equal(wantedValues(text, text.length), 'process');
    const values = [
      { value: 'shop-api', connections: 7 },
      { value: 'envoy', connections: 9 },
      { value: 'a shell', connections: 1 },
    ];
    const found = suggest(text, text.length, values, [], format);
    assert.deepEqual(
      found.list.map((each) => each.text),
      ['shop-api', '"a shell"'],
    );
    assert.deepEqual(accept(text, found, found.list[0]!), { text: 'comm:shop-api ', cursor: 14 });
  });

  test('begin with filters that were used before', () => {
    const found = suggest('', 0, [], ['error=ECONNREFUSED'], format);
    assert.deepEqual(found.list[0], { text: 'error=ECONNREFUSED', help: 'used before', kind: 'used' });
    assert.equal(accept('', found, found.list[0]!).text, 'error=ECONNREFUSED');
  });

  test('ask for no values where none would go on', () => {
    assert.equal(wantedValues('comm:x ', 7), undefined);
    assert.equal(wantedValues('comm:x', 2), undefined);
    assert.equal(wantedValues('bytes>1', 7), undefined);
  });
});

describe('terms out of values', () => {
  test('quote what could be read as something else', () => {
    assert.equal(quoteValue('10.0.0.1'), '10.0.0.1');
    assert.equal(quoteValue('a*b'), '"a*b"');
    assert.equal(quoteValue('say "hi"'), '"say \\x22hi\\x22"');
  });

  test('test the field that answers are grouped by', () => {
    assert.equal(filterTerm('process', 'nginx'), 'comm=nginx');
    assert.equal(filterTerm('error', null), 'not error=*');
    assert.equal(filterTerm('pod', 'shop/web-0'), 'namespace=shop pod_name=web-0');
    assert.equal(filterTerm('peer', 'fe80::1%eth0'), 'peer=fe80::1');
    assert.equal(filterTerm('host', 'web-1/3f2a9c01'), 'host=web-1/3f2a9c01');
  });

  test('are added to a filter, which keeps its meaning', () => {
    assert.equal(narrowFilter('port:80 or port:443', { process: 'a' }), '(port:80 or port:443) comm=a');
    assert.equal(narrowFilter('', { process: 'a', peer: '::1' }), 'comm=a peer=::1');
    assert.equal(joinFilters('comm=a', ' comm=a '), 'comm=a');
  });
});
