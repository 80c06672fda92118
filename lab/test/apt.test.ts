import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mirror, parseRecords } from '../src/apt.js';
import { newestComplete } from '../src/kernels/packaged-kernel.js';

describe('the Debian mirror', () => {
  test('is read from both forms of sources', () => {
    assert.equal(
      mirror(['Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n']),
      'http://mirror.example/debian',
    );
    const list =
      '# deb http://old.example/debian x main\ndeb [arch=amd64 signed-by=/k] https://m.example/debian/ y main\n';
    assert.equal(mirror([list]), 'https://m.example/debian');
  });

  test('is not the security archive, nor that of another distribution', () => {
    const text =
      'URIs: http://m.example/debian-security\nURIs: http://m.example/ubuntu\nURIs: http://m.example/debian\n';
    assert.equal(mirror([text]), 'http://m.example/debian');
    assert.match(mirror(['']), /\/debian$/);
  });
});

const ending = 'cloud-amd64';

const image = (release: string, version: string, split = false) => ({
  name: `linux-image-${release}-cloud-amd64`,
  version,
  depends: split
    ? [
        'kmod',
        `linux-binary-${release}-cloud-amd64 (= ${version})`,
        `linux-modules-${release}-cloud-amd64 (= ${version})`,
      ]
    : ['kmod'],
});
const part = (kind: string, release: string, version: string) => ({
  name: `linux-${kind}-${release}-cloud-amd64`,
  version,
  depends: [],
});

describe('newestComplete', () => {
  test('compares versions by their numbers, not as text', () => {
    const images = [
      image('5.10.0-9', '5.10.9'),
      image('5.10.0-32', '5.10.223'),
      image('5.10.0-10', '5.10.10'),
    ];
    assert.equal(newestComplete(images, [], ending)?.release, '5.10.0-32-cloud-amd64');
  });

  test('passes over an image whose modules are gone', () => {
    const images = [image('7.1.1+deb13', '7.1.1-1', true), image('7.0.9+deb13', '7.0.9-1', true)];
    const parts = [
      part('binary', '7.1.1+deb13', '7.1.1-1'),
      part('binary', '7.0.9+deb13', '7.0.9-1'),
      part('modules', '7.0.9+deb13', '7.0.9-1'),
    ];
    assert.deepEqual(newestComplete(images, parts, ending), {
      release: '7.0.9+deb13-cloud-amd64',
      version: '7.0.9-1',
      packages: [
        'linux-image-7.0.9+deb13-cloud-amd64=7.0.9-1',
        'linux-binary-7.0.9+deb13-cloud-amd64=7.0.9-1',
        'linux-modules-7.0.9+deb13-cloud-amd64=7.0.9-1',
      ],
    });
  });

  test('ignores other flavours, and finds nothing in nothing', () => {
    assert.equal(
      newestComplete([{ name: 'linux-image-6.1.0-50-rt-amd64', version: '1', depends: [] }], [], ending),
      undefined,
    );
    assert.equal(newestComplete([], [], ending), undefined);
  });
});

test('parseRecords reads names, versions and dependencies', () => {
  const text =
    'Package: a\nVersion: 1:2-3\nDepends: b (= 1), c | d\nDescription: x\n y\n\nPackage: e\nVersion: 4\n';
  assert.deepEqual(parseRecords(text), [
    { name: 'a', version: '1:2-3', depends: ['b (= 1)', 'c | d'] },
    { name: 'e', version: '4', depends: [] },
  ]);
});
