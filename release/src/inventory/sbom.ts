/** A bill of materials in CycloneDX 1.6. The same components give the same bytes. Pure. */

import { createHash } from 'node:crypto';
import type { Component } from './lock.js';

export interface SbomSubject {
  readonly name: string;
  readonly version: string;
  /** Time of the release in seconds since 1970: the time of the build would make each one another. */
  readonly epoch: number;
}

/** What is in a release and npm does not know of, such as Node.js in the executable. */
export interface ExtraComponent {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly purl: string;
}

/** Package URL: a scope's `@` is encoded. */
export function packageUrl({ name, version }: { readonly name: string; readonly version: string }): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** A UUID of version 5's shape, from what the document says. */
function serialNumber(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}

function licensesOf(license: string): unknown[] {
  return /[ (]/.test(license) ? [{ expression: license }] : [{ license: { id: license } }];
}

function hashesOf(integrity: string | undefined): unknown {
  const value = /^sha512-(\S+)$/.exec(integrity ?? '')?.[1];
  return value === undefined
    ? undefined
    : [{ alg: 'SHA-512', content: Buffer.from(value, 'base64').toString('hex') }];
}

/** Returns the document as text. Undefined members are left out, as JSON has none. */
export function cyclonedx(
  subject: SbomSubject,
  components: readonly Component[],
  extra: readonly ExtraComponent[] = [],
): string {
  const byPath = new Map(components.map((component) => [component.path, component]));
  // A package that lies in two folders is one component.
  const unique = [...new Map(components.map((component) => [packageUrl(component), component])).values()];
  const root = `pkg:generic/${subject.name}@${subject.version}`;
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(subject.epoch * 1000).toISOString().replace('.000Z', 'Z'),
      component: {
        type: 'application',
        'bom-ref': root,
        name: subject.name,
        version: subject.version,
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: [
      ...unique.map((component) => ({
        type: 'library',
        'bom-ref': packageUrl(component),
        name: component.name,
        version: component.version,
        scope: component.isOptional ? 'optional' : 'required',
        hashes: hashesOf(component.integrity),
        licenses: licensesOf(component.license),
        purl: packageUrl(component),
      })),
      ...extra.map(({ license, ...each }) => ({
        type: 'library',
        'bom-ref': each.purl,
        ...each,
        scope: 'required',
        licenses: licensesOf(license),
      })),
    ],
    dependencies: [
      {
        ref: root,
        dependsOn: [
          ...unique.filter(({ isOwn }) => isOwn).map(packageUrl),
          ...extra.map(({ purl }) => purl),
        ].sort(),
      },
      ...unique.map((component) => ({
        ref: packageUrl(component),
        dependsOn: [
          ...new Set(component.dependencies.flatMap((path) => byPath.get(path) ?? []).map(packageUrl)),
        ].sort(),
      })),
    ],
  };
  const { bomFormat, specVersion, ...rest } = document;
  const ordered = { bomFormat, specVersion, serialNumber: serialNumber(JSON.stringify(document)), ...rest };
  return `${JSON.stringify(ordered, null, 2)}\n`;
}
