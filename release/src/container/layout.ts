/** A folder in the image layout of OCI: everything in it is a file with the name of its digest. */

import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@weir/lab';
import { runCompressor } from '../compress.js';

/** How something in the layout is referred to. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the archive before it is compressed. */
  readonly diffId: string;
}

/** What is published takes long to compress, what is tested need not. */
export type LayerCompression = 'gzip' | 'none';

const type = (name: string) => `application/vnd.oci.image.${name}`;

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

export class ImageLayout {
  readonly #folder: string;
  readonly #blobs: string;
  readonly #epoch: number;

  /** @param epoch Seconds since 1970, the time of all files in layers. */
  constructor(folder: string, epoch: number) {
    this.#folder = folder;
    this.#blobs = join(folder, 'blobs/sha256');
    this.#epoch = epoch;
    mkdirSync(this.#blobs, { recursive: true });
    writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  }

  /** Adds the files below a folder, as root's, in the order of their names. */
  async addLayer(root: string, compression: LayerCompression): Promise<Layer> {
    const archive = join(this.#folder, 'layer.tar');
    const owner = ['--owner=0', '--group=0', '--numeric-owner'];
    await run('tar', ['--sort=name', ...owner, `--mtime=@${this.#epoch}`, '-cf', archive, '-C', root, '.']);
    const diffId = await digestOf(archive);
    if (compression === 'none') {
      return { diffId, descriptor: this.#place(archive, type('layer.v1.tar'), diffId) };
    }
    await runCompressor('gzip', ['-n9', archive]);
    const compressed = `${archive}.gz`;
    const digest = await digestOf(compressed);
    return { diffId, descriptor: this.#place(compressed, type('layer.v1.tar+gzip'), digest) };
  }

  /** Adds a document of OCI, such as `config.v1` or `manifest.v1`. */
  addDocument(name: string, content: object): Descriptor {
    const bytes = Buffer.from(JSON.stringify(content));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(this.#blobs, hex), bytes);
    return { mediaType: type(`${name}+json`), digest: `sha256:${hex}`, size: bytes.length };
  }

  /** Names one image of the layout, which is a list of images for several architectures. */
  finish(manifests: readonly Descriptor[], reference: string): void {
    const mediaType = type('index.v1+json');
    const images = this.addDocument('index.v1', { schemaVersion: 2, mediaType, manifests });
    const named = { ...images, annotations: { 'org.opencontainers.image.ref.name': reference } };
    const index = { schemaVersion: 2, mediaType, manifests: [named] };
    writeFileSync(join(this.#folder, 'index.json'), JSON.stringify(index));
  }

  #place(path: string, mediaType: string, digest: string): Descriptor {
    const { size } = statSync(path);
    renameSync(path, join(this.#blobs, digest.slice('sha256:'.length)));
    return { mediaType, digest, size };
  }
}
