/** Manual pages say what the pages say, in roff. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { manPage } from '../src/packages/man-page.js';

const convert = (markdown: string) =>
  manPage('weir trace', 'print', markdown, '1.0.0').split('\n').slice(5, -1);

describe('manual pages', () => {
  test('have a name by which apropos finds them', () => {
    const page = manPage('weir trace', 'print connections', '', '1.0.0');
    assert.match(page, /^\.TH WEIR\\-TRACE 1 "" "weir 1\.0\.0" "Weir"\n/);
    assert.match(page, /\.SH NAME\nweir\\-trace \\- print connections\n/);
  });

  test('have sections, and code in bold', () => {
    assert.deepEqual(convert('# weir trace\n\n## OPTIONS\n\n`--json` prints\n[JSON](a.md)\n'), [
      '.SH OPTIONS',
      '.PP',
      '\\fB\\-\\-json\\fR prints JSON',
    ]);
  });

  test('keep lines of code as they are, and a dot at their start is no request', () => {
    assert.deepEqual(convert('    .x \\ y\n'), ['.PP', '.RS 4', '.nf', '\\&.x \\e y', '.fi', '.RE']);
  });

  test('make an item of each row of a table', () => {
    assert.deepEqual(convert('| a | b |\n|---|---|\n| `x\\|y` | is |\n'), ['.TP', '\\fBx|y\\fR', 'is']);
  });

  test('join the lines of an item of a list', () => {
    assert.deepEqual(convert('- one\n  two\n- three\n'), ['.IP \\(bu 2', 'one two', '.IP \\(bu 2', 'three']);
  });
});
