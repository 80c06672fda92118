/** The container image follows OCI's rules, is the same each time, and runs with the capabilities that it names and no others. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { attempt, type CommandResult, repository, run, temporaryFolder } from '@weir/lab';
import { buildImage, capabilities } from '../src/container/image.js';
import type { Descriptor } from '../src/container/layout.js';
import { buildExecutable } from '../src/executable/build.js';
import { fetchParts } from '../src/executable/parts.js';
import { releaseVersion } from '../src/npm/published.js';
import type { TreeSource } from '../src/packages/tree.js';

const folder = temporaryFolder('weir-container-');
const at = (...parts: string[]) => join(folder.path, ...parts);
const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
const version = releaseVersion();
const options = { version, epoch: 1_790_000_000, compression: 'none' } as const;
let sources: TreeSource[];

before(async () => {
  await buildExecutable(arch, at('built'));
  // The tests of the executable build the other one: its place in the image is what counts here.
  const own = { executable: at('built'), parts: await fetchParts(arch), arch, version } as const;
  const other = arch === 'x64' ? 'arm64' : 'x64';
  sources = [own, { ...own, arch: other }];
  await buildImage(sources, at('image'), options);
});
after(() => folder[Symbol.dispose]());

interface Index {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly created: string;
  readonly config: { readonly Entrypoint: string[]; readonly Labels: Record<string, string> };
  readonly rootfs: { readonly type: string; readonly diff_ids: string[] };
  readonly history: readonly { readonly empty_layer?: boolean }[];
}

const blob = ({ digest }: Descriptor) => at('image/blobs/sha256', digest.slice('sha256:'.length));
const read = <T>(path: string) => JSON.parse(readFileSync(path, 'utf8')) as T;

describe('the image layout', () => {
  const index = () => read<Index>(at('image/index.json'));
  const images = () => read<Index>(blob(index().manifests[0]!)).manifests;

  test('has the same bytes when it is built again', async () => {
    // The name of each blob is its digest, which the test below checks.
    await buildImage(sources, at('again'), options);
    assert.equal(readFileSync(at('again/index.json'), 'utf8'), readFileSync(at('image/index.json'), 'utf8'));
    rmSync(at('again'), { recursive: true });
  });

  test('names one image for two architectures', () => {
    assert.equal(read<{ imageLayoutVersion: string }>(at('image/oci-layout')).imageLayoutVersion, '1.0.0');
    assert.equal(index().schemaVersion, 2);
    assert.deepEqual(
      index().manifests.map(({ annotations }) => annotations),
      [{ 'org.opencontainers.image.ref.name': version }],
    );
    const platforms = images().map(({ platform }) => `${platform!.os}/${platform!.architecture}`);
    assert.deepEqual(platforms.sort(), ['linux/amd64', 'linux/arm64']);
  });

  test('has what descriptors say, byte for byte, and nothing else', () => {
    const all = index().manifests.flatMap((list) => [
      list,
      ...images().flatMap((image) => {
        const { config, layers } = read<Manifest>(blob(image));
        return [image, config, ...layers];
      }),
    ]);
    for (const descriptor of all) {
      const hash = createHash('sha256')
        .update(readFileSync(blob(descriptor)))
        .digest('hex');
      assert.equal(`sha256:${hash}`, descriptor.digest, descriptor.mediaType);
      assert.equal(statSync(blob(descriptor)).size, descriptor.size, descriptor.mediaType);
      assert.match(
        descriptor.mediaType,
        /^application\/vnd\.oci\.image\.(index|manifest|config|layer)\.v1[.+]/,
      );
    }
    const names = new Set(all.map(({ digest }) => digest.slice('sha256:'.length)));
    assert.deepEqual(readdirSync(at('image/blobs/sha256')).sort(), [...names].sort());
    assert.deepEqual(readdirSync(at('image')).sort(), ['blobs', 'index.json', 'oci-layout']);
  });

  test('has configurations that fit their layers', () => {
    for (const image of images()) {
      const { config, layers } = read<Manifest>(blob(image));
      const content = read<ImageConfig>(blob(config));
      assert.equal(content.architecture, image.platform!.architecture);
      assert.equal(content.os, 'linux');
      assert.equal(content.created, new Date(options.epoch * 1000).toISOString());
      assert.equal(content.rootfs.type, 'layers');
      // Layers are not compressed here: so their digests are those of what is in them.
      assert.deepEqual(
        content.rootfs.diff_ids,
        layers.map(({ digest }) => digest),
      );
      assert.equal(content.history.filter((entry) => !entry.empty_layer).length, layers.length);
      assert.deepEqual(content.config.Entrypoint, ['/usr/bin/weir']);
      assert.equal(content.config.Labels['org.opencontainers.image.version'], version);
      assert.equal(content.config.Labels['weir.capabilities.serve'], capabilities.serve.join());
    }
  });

  test('names the capabilities that the units of systemd have', () => {
    for (const [command, unit] of [
      ['serve', 'weir-serve'],
      ['balance', 'weir-balance@'],
    ] as const) {
      const text = readFileSync(join(repository, `release/system/${unit}.service`), 'utf8');
      const names = /^CapabilityBoundingSet=(.*)$/m.exec(text)![1]!.split(' ');
      assert.deepEqual(capabilities[command].map((name) => `CAP_${name}`).sort(), names.sort());
    }
  });
});

/** Runs `weir` in the unpacked image, with a network of its own, the host's processes, and some capabilities only. */
async function inside(
  script: string,
  command: keyof typeof capabilities,
  root = at('bundle/rootfs'),
): Promise<CommandResult> {
  const listed = (await run('capsh', ['--print'])).toString();
  const bounding = /^Bounding set =(.*)$/m.exec(listed)![1]!.split(',');
  const dropped = bounding.filter(
    (name) => !capabilities[command].some((kept) => name === `cap_${kept.toLowerCase()}`),
  );
  const enter = `set -e
    trap '[ -z "$!" ] || kill "$!" 2>/dev/null || true' EXIT
    ip link set lo up
    for each in proc sys dev; do mount --rbind /$each $R/$each; done
    mount -t tmpfs none $R/tmp
    weir="capsh --no-new-privs --chroot=$R --drop=${dropped.join()} --shell=/usr/bin/weir --"
    ${script}`;
  return attempt('unshare', ['--mount', '--net', 'sh', '-c', enter], {
    env: { PATH: '/bin:/sbin:/usr/bin:/usr/sbin', R: root },
  });
}

describe('the image, unpacked', () => {
  before(async () => {
    // Both programs check each digest, and umoci applies the layers as a container's runtime does.
    const debian = arch === 'x64' ? 'amd64' : 'arm64';
    const from = `oci:${at('image')}:${version}`;
    await run('skopeo', ['--override-arch', debian, 'copy', '-q', from, `oci:${at('one')}:own`]);
    await run('umoci', ['unpack', '--image', `${at('one')}:own`, at('bundle')]);
  });

  test('has no program but weir', async () => {
    const found = (await run('find', [at('bundle/rootfs'), '-type', 'f', '-perm', '/111', '-printf', '%f\n']))
      .toString()
      .split('\n')
      .filter((name) => name !== '' && !/\.so(\.\d+)*$/.test(name));
    assert.deepEqual(found, ['weir']);
  });

  test('prints its version, and says what the kernel offers', async () => {
    const { status, stdout, stderr } = await inside('$weir --version; $weir doctor --json', 'trace');
    assert.equal(status, 0, stderr);
    const [first, ...rest] = stdout.toString().split('\n');
    assert.equal(first, version);
    assert.ok((JSON.parse(rest.join('\n')) as { features: unknown }).features);
  });

  test('traces a connection', async () => {
    const { status, stdout, stderr } = await inside(
      `$weir trace --json --netns /proc/self/ns/net -e connect,fail >$R/tmp/out 2>$R/tmp/err & tracer=$!; tries=0
      until grep -qs . $R/tmp/out; do tries=$((tries + 1)); [ $tries -lt 600 ] && kill -0 $tracer || { cat $R/tmp/err >&2; exit 1; }; curl -s http://127.0.0.1:4242/ || true; sleep 0.2; done
      kill $tracer; wait $tracer || true; cat $R/tmp/out`,
      'trace',
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout.toString(), /"port":4242/);
  });

  test('serves a history by a process without root and without capabilities', async () => {
    const { status, stdout, stderr } = await inside(
      `mkdir $R/tmp/h
      $weir serve --folder /tmp/h >$R/tmp/log 2>&1 & server=$!
      until grep -qs remembers $R/tmp/log; do kill -0 $server || { cat $R/tmp/log >&2; exit 1; }; sleep 0.2; done
      curl -sS http://127.0.0.1:9436/api/v1/ready; echo
      for each in $(pgrep -P $server); do grep -E '^(Uid|CapEff)' /proc/$each/status; done
      kill $server; wait $server`,
      'serve',
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout.toString(), /^\{"status":"ready"\}\nUid:\t65532\t.*\nCapEff:\t0{16}\n$/);
  });
});
