/** The container image: the executable and what is beside it, with the libraries that they need, and nothing else. */

import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { platforms, run, temporaryFolder } from '@weir/lab';
import { type TreeSource, writeExecutable, writeLibraries, writeLicences } from '../packages/tree.js';
import { writeBase } from './base-files.js';
import { type Descriptor, ImageLayout, type LayerCompression } from './layout.js';

const tracing = ['BPF', 'PERFMON', 'SYS_ADMIN', 'SYS_PTRACE', 'NET_ADMIN', 'SYS_RESOURCE', 'DAC_READ_SEARCH'];

/** What commands need of the capabilities, as container runtimes name them: those of the units of systemd. */
export const capabilities = {
  trace: tracing,
  serve: [...tracing, 'DAC_OVERRIDE', 'CHOWN', 'FOWNER', 'SETUID', 'SETGID', 'KILL'],
  balance: ['BPF', 'PERFMON', 'NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'DAC_OVERRIDE'],
} as const;

function labels(version: string, base: readonly string[]): Record<string, string> {
  const title = {
    title: 'weir',
    description: 'Shows which program of a host talks to whom, keeps that, and balances load.',
    version,
    licenses: 'Apache-2.0',
    source: 'https://github.com/weir-net/weir',
    documentation: 'https://github.com/weir-net/weir/blob/main/docs/containers.md',
  };
  return {
    ...Object.fromEntries(
      Object.entries(title).map(([key, value]) => [`org.opencontainers.image.${key}`, value]),
    ),
    'weir.base': base.join(', '),
    ...Object.fromEntries(
      Object.entries(capabilities).map(([command, names]) => [
        `weir.capabilities.${command}`,
        names.join(','),
      ]),
    ),
  };
}

/** One layer: what is in it, as its history has it, and what writes it. */
interface Part {
  readonly text: string;
  write(root: string): Promise<void> | void;
}

/** What changes least comes first, so that the next release needs less of a registry. */
function parts(source: TreeSource, base: string[]): Part[] {
  return [
    {
      text: 'C and C++ libraries of Debian 12',
      write: async (root) => {
        base.push(...(await writeBase(source.arch, root)));
      },
    },
    { text: 'DuckDB and koffi', write: (root) => writeLibraries(root, source) },
    {
      text: `weir ${source.version}`,
      write: (root) => {
        writeExecutable(root, source);
        writeLicences(root, 'usr/share/doc/weir', source);
        mkdirSync(join(root, 'usr/bin'), { recursive: true });
        symlinkSync('../lib/weir/weir', join(root, 'usr/bin/weir'));
      },
    },
  ];
}

async function addPart(layout: ImageLayout, part: Part, compression: LayerCompression) {
  using temporary = temporaryFolder('weir-layer-');
  const root = join(temporary.path, 'root');
  mkdirSync(root);
  await part.write(root);
  // Whoever builds may have another umask; what all may write to, as /tmp, stays so.
  await run('find', [
    root,
    '!',
    '-perm',
    '-o+t',
    '!',
    '-type',
    'l',
    '-exec',
    'chmod',
    'u=rwX,go=rX',
    '{}',
    '+',
  ]);
  return await layout.addLayer(root, compression);
}

async function addImage(
  layout: ImageLayout,
  source: TreeSource,
  { epoch, compression = 'gzip' }: ImageOptions,
): Promise<Descriptor> {
  const base: string[] = [];
  const written = parts(source, base);
  const layers = [];
  for (const part of written) layers.push(await addPart(layout, part, compression));
  const created = new Date(epoch * 1000).toISOString();
  const named = labels(source.version, base);
  const platform = {
    architecture: platforms[source.arch].debian,
    os: 'linux',
    ...(source.arch === 'arm64' && { variant: 'v8' }),
  };
  const config = layout.addDocument('config.v1', {
    created,
    author: 'The Weir authors',
    ...platform,
    config: {
      // The collector is root, with few capabilities; it starts the server as the user weir.
      User: '0:0',
      Env: ['PATH=/usr/bin'],
      Entrypoint: ['/usr/bin/weir'],
      Cmd: ['--help'],
      WorkingDir: '/',
      ExposedPorts: { '9436/tcp': {} },
      Volumes: { '/var/lib/weir': {} },
      StopSignal: 'SIGTERM',
      Labels: named,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: written.map(({ text }) => ({ created, created_by: text })),
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = layout.addDocument('manifest.v1', {
    schemaVersion: 2,
    mediaType,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: { ...named, 'org.opencontainers.image.created': created },
  });
  return { ...manifest, platform };
}

export interface ImageOptions {
  /** The name of the image in its layout. */
  readonly version: string;
  /** Seconds since 1970, the time of the image and of all files in it. */
  readonly epoch: number;
  readonly compression?: LayerCompression;
}

/**
 * Writes an image layout for all architectures that there are sources for. The same sources, and the same
 * packages of Debian, give the same bytes.
 */
export async function buildImage(
  sources: readonly TreeSource[],
  into: string,
  options: ImageOptions,
): Promise<void> {
  const layout = new ImageLayout(into, options.epoch);
  const manifests: Descriptor[] = [];
  for (const source of sources) manifests.push(await addImage(layout, source, options));
  layout.finish(manifests, options.version);
}
