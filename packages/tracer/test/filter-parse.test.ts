/** The grammar of filters, and their mistakes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  FilterError,
  filterFields,
  formatFilter,
  parseFilter,
  parseTypedFilter,
} from '../src/filter/index.js';
import { closeFields } from '../src/records/close-fields.js';

/** The tree as its text. */
const canonical = (text: string): string => formatFilter(parseFilter(text));

describe('the grammar of filters', () => {
  for (const [text, expected] of [
    ['', ''],
    ['  \t\n ', ''],
    ['a b', 'a b'],
    ['a and b AND c', 'a b c'],
    ['a or b c', 'a or b c'],
    ['(a or b) c', '(a or b) c'],
    ['a b or c and d', 'a b or c d'],
    ['not a b', 'not a b'],
    ['NOT (a or b)', 'not (a or b)'],
    ['-a !b', 'not a not b'],
    ['-(a b)', 'not (a b)'],
    ['not not a', 'not not a'],
    ['not -a', 'not not a'],
    ['((a))', 'a'],
    ['(a b) c', '(a b) c'],
    ['"and" "or" -not', '"and" "or" not "not"'],
    ['-', '"-"'],
    ['(-)', '"-"'],
    ['cmd:f(x)', 'cmd:"f(x)"'],
    ['(cmd:f(x) or cmd:g)', 'cmd:"f(x)" or cmd:g'],
    ['proc:(sd-pam)', 'proc:"(sd-pam)"'],
    ['comm:nginx process.comm:nginx PROCESS:nginx', 'comm:nginx comm:nginx proc:nginx'],
    ['error!=ECONNREFUSED', 'not error=ECONNREFUSED'],
    ['error!=ECONNREFUSED,ETIMEDOUT', 'not error=ECONNREFUSED,ETIMEDOUT'],
    ['error=*', 'error=*'],
    ['srtt=* unit="*"', 'srtt=* unit="*"'],
    ['unit=nginx*.service', 'unit=nginx*".service"'],
    ['unit=a**?b', 'unit=a*?b'],
    ['bytes>1.1M', 'bytes>1100000'],
    ['bytes:>1KiB,<10', 'bytes:>1024,<10'],
    ['bytes:1kB-1MB bytes=0', 'bytes:1000-1000000 bytes=0'],
    ['rate>=10kB/s', 'rate>=10000'],
    ['retrans:3', 'retrans=3'],
    ['srtt>1.5ms duration<=1h handshake:>1s', 'srtt>1500us duration<=3600000000us handshake>1000000us'],
    ['srtt_us>500 duration>0', 'srtt>500us duration>0'],
    ['port:80,8000-8999,HTTPS lport<1024', 'port:80,8000-8999,https lport<1024'],
    ['state:fin', 'state:fin_wait1,fin_wait2'],
    ['peer:10.1.2.3/8 addr=::1', 'peer:10.0.0.0/8 addr:::1'],
    ['10.1.2.3/8', 'addr:10.0.0.0/8'],
    ['::ffff:10.0.0.1', '"::ffff:10.0.0.1"'],
    ['peer:::ffff:10.0.0.1', 'peer:10.0.0.1'],
    ['cafe::1 db.example.com:5432', '"cafe::1" "db.example.com:5432"'],
    ['proc:"a b', 'proc:"a b"'],
    ['proc:\\xff\\\\', 'proc:"\\xff\\\\"'],
    ['cmd:"a,b",c', 'cmd:"a,b",c'],
  ] as const) {
    it(`is understood and written back: ${JSON.stringify(text)}`, () => {
      assert.equal(canonical(text), expected);
      assert.deepEqual(parseFilter(canonical(text)), parseFilter(text));
    });
  }

  it('keeps what a wrong term stands beside while it is typed', () => {
    for (const text of [
      'proc:nginx foo:1',
      'proc:nginx or',
      '(proc:nginx',
      'proc:nginx )',
      'not foo:1 proc:nginx',
    ]) {
      const { filter, problems } = parseTypedFilter(text);
      assert.equal(formatFilter(filter), 'proc:nginx', text);
      assert.equal(problems.length, 1, text);
    }
  });

  it('accepts the example of every field', () => {
    for (const { name, aliases, example } of filterFields) {
      for (const each of [name, ...aliases]) parseFilter(`${each}:${example}`);
    }
  });

  it('has one field for each name, and a known value for each way to close', () => {
    const names = filterFields.flatMap(({ name, aliases }) => [name, ...aliases]);
    assert.equal(new Set(names).size, names.length);
    const { closed_by } = closeFields;
    assert.ok(closed_by.unit === 'name');
    for (const word of closed_by.names) assert.equal(canonical(`closed_by=${word}`), `closed_by:${word}`);
  });

  it('names users where it is said which there are', () => {
    const users = (name: string) => (name === 'root' ? 0 : undefined);
    assert.equal(formatFilter(parseFilter('user:root', { users })), 'uid:0');
    assert.throws(
      () => parseFilter('user:nobody-here', { users }),
      /user: there is no user nobody-here here \(column 6\)$/,
    );
    assert.throws(() => parseFilter('user:root'), /takes a number/);
  });

  it('refuses fields that the rows do not have', () => {
    const rows = { columns: { comm: true, bytes_sent: true }, what: 'rows of a test' };
    parseFilter('proc:a sent>1', { rows });
    assert.throws(
      () => parseFilter('proc:a error=*', { rows }),
      /error: rows of a test do not have it \(column 8\)$/,
    );
    assert.throws(() => parseFilter('bytes>1', { rows }), /bytes: rows of a test do not have it/);
  });
});

describe('a mistake in a filter', () => {
  for (const [text, column, message, suggestion] of [
    ['foo:bar', 1, /no field foo.*"foo:bar"/, undefined],
    ['proc:a prot=tcp', 8, /no field prot/, 'proto=tcp'],
    ['erorr=ECONNREFUSED', 1, /no field erorr/, 'error=ECONNREFUSED'],
    ['constructor:x', 1, /no field constructor/, undefined],
    ['port:', 6, /port: needs a value, such as port:443/, undefined],
    ['port:80,', 9, /port: needs a value/, undefined],
    ['port:80,70000', 9, /65535/, undefined],
    ['port:1-', 6, /port/, undefined],
    ['port:9-8', 6, /ends before it begins/, 'port:8-9'],
    ['pid:x', 5, /pid: takes a number/, undefined],
    ['pid>9,8', 6, /takes one number/, undefined],
    ['peer:10.0.0.0/33', 6, /no prefix/, undefined],
    ['proto:icmp', 7, /proto: takes tcp, udp/, undefined],
    ['proto=tpc', 7, /proto: takes tcp, udp/, 'proto=tcp'],
    ['state:estblished', 7, /state: takes established/, 'state:established'],
    ['state=est', 7, /state: takes established/, undefined],
    ['dir:toString', 5, /dir: takes/, undefined],
    ['event:conect', 7, /event: takes connect/, 'event:connect'],
    ['error=ECONREFUSED', 7, /error: there is no ECONREFUSED/, 'error=ECONNREFUSED'],
    ['error:XYZ', 7, /error: there is no XYZ/, undefined],
    ['error:ECONN*', 7, /have a meaning after = only/, 'error=ECONN*'],
    ['rate:10', 6, /rate: takes < or >/, 'rate:>10'],
    ['bytes>10QB', 7, /bytes: takes < or > and a number of bytes/, undefined],
    ['srtt>10', 6, /srtt: takes < or > and a time with its unit/, '10ms'],
    ['proc>nginx', 6, /cannot be compared by >/, 'proc:nginx'],
    [`unit=${'*a'.repeat(65)}`, 6, /at most 64 of \* and \?/, undefined],
    ['(a', 1, /this \( is not closed/, undefined],
    ['a)', 2, /no \( that this \) closes/, '")"'],
    ['a ()', 3, /nothing between/, undefined],
    ['a or', 3, /"or" needs a term behind/, undefined],
    ['or a', 1, /"or" needs a term before/, undefined],
    ['a or or b', 3, /"or" needs a term behind/, undefined],
    ['and a', 1, /"and" needs a term before/, undefined],
    ['a and and b', 7, /"and" needs a term before/, undefined],
    ['a not', 3, /"not" needs a term behind/, undefined],
    ['(not) a', 2, /"not" needs a term behind/, undefined],
    ['a || b', 3, /written "or"/, 'or'],
    ['a = b', 3, /= stands right behind the name of a field/, undefined],
  ] as const) {
    it(`is named with its place: ${text}`, () => {
      assert.throws(
        () => parseFilter(text),
        (error) => {
          assert.ok(error instanceof FilterError);
          assert.match(error.message, message);
          assert.equal(error.column, column);
          assert.equal(error.suggestion, suggestion);
          assert.ok(error.message.endsWith(` (column ${column})`));
          return true;
        },
      );
    });
  }
});

describe('docs/filter.md', () => {
  const page = readFileSync(new URL('../../../../docs/filter.md', import.meta.url), 'utf8');

  it('has every field with its other names, help and example', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` \| ((?:`[\w.]+` ?)*) ?\| [\w ]+ \| (.+) \| `(.+)` \|$/gm)];
    const documented = rows.map(([, name, aliases, help, example]) => [name, aliases?.trim(), help, example]);
    const expected = filterFields.map(({ name, aliases, help, example, type }) => [
      name,
      aliases.map((alias) => `\`${alias}\``).join(' '),
      help,
      name + (type === 'amount' ? '' : ':') + example,
    ]);
    assert.deepEqual(documented, expected);
  });

  it('has examples that are filters', () => {
    const examples = [...page.matchAll(/^ {4}(?!weir)(.+)$/gm)].map(([, text]) => text!);
    assert.equal(examples.length, 4);
    for (const text of examples) parseFilter(text);
  });
});
