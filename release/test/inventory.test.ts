/** The bill of materials and the licences name everything that is shipped. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { thirdPartyLicences } from '../src/inventory/licences.js';
import { closure, type LockPackages } from '../src/inventory/lock.js';
import { cyclonedx } from '../src/inventory/sbom.js';
import { shippedComponents } from '../src/inventory/shipped.js';

const subject = { name: 'weir', version: '1.2.3', epoch: 86_400 };

interface Sbom {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string };
  readonly components: readonly {
    readonly purl: string;
    readonly scope: string;
    readonly hashes?: unknown;
  }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

describe('the bill of materials', () => {
  const text = cyclonedx(subject, shippedComponents());
  const sbom = JSON.parse(text) as Sbom;

  test('has what is in the page, which npm takes for tools', () => {
    for (const name of ['preact', 'uplot', '%40dagrejs/dagre']) {
      assert.ok(
        sbom.components.some(({ purl }) => purl.startsWith(`pkg:npm/${name}@`)),
        name,
      );
    }
  });

  test('names only components that it describes, each once', () => {
    const refs = sbom.components.map(({ purl }) => purl);
    assert.equal(new Set(refs).size, refs.length);
    for (const { dependsOn } of sbom.dependencies)
      for (const ref of dependsOn) assert.ok(refs.includes(ref), ref);
  });

  test('has hashes of all packages of others', () => {
    const without = sbom.components.filter(({ hashes }) => hashes === undefined).map(({ purl }) => purl);
    assert.deepEqual(
      without.filter((purl) => !purl.startsWith('pkg:npm/%40weir/')),
      [],
    );
  });

  test('is the same each time, and another for another release', () => {
    assert.equal(cyclonedx(subject, shippedComponents()), text);
    assert.equal(sbom.metadata.timestamp, '1970-01-02T00:00:00Z');
    assert.match(
      sbom.serialNumber,
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const next = JSON.parse(cyclonedx({ ...subject, version: '1.2.4' }, shippedComponents())) as Sbom;
    assert.notEqual(next.serialNumber, sbom.serialNumber);
  });
});

describe('dependencies out of the lock file', () => {
  const entry = (more: object = {}) => ({ version: '1.0.0', license: 'MIT', ...more });

  test('are found where Node.js finds them: the nearest folder first', () => {
    const packages: LockPackages = {
      'packages/a': entry({ dependencies: { b: '1', c: '1' } }),
      'node_modules/b': entry({ dependencies: { c: '2' } }),
      'node_modules/b/node_modules/c': entry({ version: '2.0.0' }),
      'node_modules/c': entry(),
    };
    assert.deepEqual(
      closure(packages, ['packages/a']).map(({ path }) => path),
      ['node_modules/b', 'node_modules/b/node_modules/c', 'node_modules/c', 'packages/a'],
    );
  });

  test('leave out what other systems than Linux need, and mark what is optional', () => {
    const packages: LockPackages = {
      'packages/a': entry({ optionalDependencies: { b: '1', d: '1' } }),
      'node_modules/b': entry({ os: ['linux'] }),
      'node_modules/d': entry({ os: ['darwin'] }),
    };
    const [b, a] = closure(packages, ['packages/a']);
    assert.deepEqual([b?.name, b?.isOptional, a?.isOptional], ['b', true, false]);
  });

  test('that are missing are an error which names them', () => {
    const packages = { 'packages/a': entry({ dependencies: { lost: '1' } }) };
    assert.throws(() => closure(packages, ['packages/a']), /lacks lost, which packages\/a depends on/);
  });
});

test('licences of others come with their texts', () => {
  const text = thirdPartyLicences(shippedComponents());
  for (const part of text.split(/^-{80}\n+/m)) {
    assert.match(part, /^@?[\w./-]+ \S+ \(.+\)\n\n/);
    assert.ok(part.length > 60, part);
  }
  assert.match(text, /^commander \d/m);
  assert.match(text, /^preact \d/m);
});
