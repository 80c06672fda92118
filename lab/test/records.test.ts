import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transcript } from '../src/guest/boot.js';
import { encodeRecord, RecordParser, type TestRecord } from '../src/suite/records.js';

const sample: TestRecord[] = [
  { type: 'start', file: 'a.test.js' },
  { type: 'test', name: 'a › b', outcome: 'failed', duration: 1.5, detail: 'line\nwith \x1e inside' },
  { type: 'end', file: 'a.test.js', status: 1 },
];
const stream = `before\n${encodeRecord(sample[0]!)}no newline at its end${encodeRecord(sample[1]!)}${encodeRecord(sample[2]!)}after`;

test('records and text come apart however the stream is cut', () => {
  for (let cut = 0; cut <= stream.length; cut++) {
    const records: TestRecord[] = [];
    let text = '';
    const parser = new RecordParser(
      (record) => records.push(record),
      (part) => {
        text += part;
      },
    );
    parser.write(stream.slice(0, cut));
    parser.write(stream.slice(cut));
    parser.end();
    assert.deepEqual(records, sample);
    assert.equal(text, 'before\nno newline at its endafter');
  }
});

test('a line that is no record, or was cut short, is text', () => {
  let text = '';
  const parser = new RecordParser(
    () => assert.fail('no record'),
    (part) => {
      text += part;
    },
  );
  parser.write('\x1e{not json\n');
  parser.write('\x1e{"type":"st');
  parser.end();
  assert.equal(text, '{not json\n\x1e{"type":"st');
});

test('a guest’s line yields release, output and status however it is cut', () => {
  const line =
    'noise\x1eweir-lab: ready 6.12.1\nhello\n\x1eweir-lab is no last line\nend\x1eweir-lab: status 3\n';
  for (let cut = 0; cut <= line.length; cut++) {
    let streamed = '';
    const transcript = new Transcript((text) => {
      streamed += text;
    });
    transcript.append(line.slice(0, cut));
    transcript.append(line.slice(cut));
    transcript.end();
    assert.equal(transcript.release, '6.12.1');
    assert.equal(transcript.status, 3);
    assert.equal(transcript.output, 'hello\n\x1eweir-lab is no last line\nend');
    assert.equal(streamed, transcript.output);
  }
});

test('a line is passed on as soon as it is whole', () => {
  let streamed = '';
  const transcript = new Transcript((text) => {
    streamed += text;
  });
  transcript.append('\x1eweir-lab: ready 5.10\n');
  for (const line of ['tracing\n', encodeRecord(sample[0]!)]) {
    streamed = '';
    transcript.append(line);
    assert.equal(streamed, line);
  }
});

test('a guest that died has no status, and keeps what it printed', () => {
  const transcript = new Transcript();
  transcript.append('\x1eweir-lab: ready 5.10\nsome output, then nothing');
  transcript.end();
  assert.equal(transcript.status, undefined);
  assert.equal(transcript.output, 'some output, then nothing');
});
