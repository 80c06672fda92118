/** Names for peers as the configuration wants them: read, read again when files change, added to batches. */
import { stat } from 'node:fs/promises';
import type { Batch } from '@weir/history/schema';
import { accessOf } from '@weir/http/kubernetes';
import { KubernetesNames } from './kubernetes-names.js';
import { nameBatch } from './name-batch.js';
import type { NamingConfig } from './naming-schema.js';
import { PeerDirectory } from './peer-directory.js';
import { namingFiles, readSources } from './read-sources.js';

/** How often it is looked whether files have changed. */
const LOOK_MS = 10_000;

/** Keeps the directory of peers up to date until it is disposed of. */
export class PeerNaming implements Disposable {
  readonly #directory: PeerDirectory;
  readonly #say: (message: string) => void;
  #config: NamingConfig;
  /** What the files were when they were read. */
  #seen: string;
  #timer: NodeJS.Timeout | undefined;
  #cluster: KubernetesNames | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(
    config: NamingConfig,
    directory: PeerDirectory,
    seen: string,
    say: (message: string) => void,
  ) {
    this.#config = config;
    this.#directory = directory;
    this.#seen = seen;
    this.#say = say;
  }

  /**
   * Reads everything.
   *
   * @param say Reports files that were read again, or cannot be.
   * @throws OptionError for a file that cannot be used
   */
  static async start(
    config: NamingConfig,
    say: (message: string) => void,
    { lookMs = LOOK_MS } = {},
  ): Promise<PeerNaming> {
    const seen = await lookAt(config);
    const sources = await readSources(config);
    const cluster = watchCluster(config, say);
    const directory = new PeerDirectory({ ...sources, ...(cluster !== undefined && { cluster }) });
    const naming = new PeerNaming(config, directory, seen, say);
    naming.#cluster = cluster;
    naming.#timer = setInterval(() => naming.#look(), lookMs).unref();
    return naming;
  }

  /** Who knows peers by their addresses. */
  get directory(): PeerDirectory {
    return this.#directory;
  }

  /** A batch with what is known of its peers. */
  addTo(batch: Batch): Batch {
    if (this.#directory.isEmpty) return batch;
    return nameBatch(batch, (address) => this.#directory.detailsOf(address));
  }

  /** Reads everything again. @throws OptionError for a file that cannot be used; then everything is as before */
  update(config: NamingConfig): Promise<void> {
    const read = this.#reading.then(() => this.#read(config));
    this.#reading = read.catch(() => {});
    return read;
  }

  async #read(config: NamingConfig): Promise<void> {
    const seen = await lookAt(config);
    const sources = await readSources(config);
    if (JSON.stringify(config.kubernetes) !== JSON.stringify(this.#config.kubernetes)) {
      const cluster = watchCluster(config, this.#say);
      this.#cluster?.[Symbol.dispose]();
      this.#cluster = cluster;
    }
    this.#directory.update({ ...sources, ...(this.#cluster !== undefined && { cluster: this.#cluster }) });
    this.#config = config;
    this.#seen = seen;
  }

  #look(): void {
    this.#reading = this.#reading.then(async () => {
      const seen = await lookAt(this.#config);
      if (seen === this.#seen) return;
      try {
        await this.#read(this.#config);
        this.#say('files with names of networks have changed, and were read again');
      } catch (error) {
        // What was read before counts until the file changes once more.
        this.#seen = seen;
        this.#say(`${(error as Error).message}; what was read before still counts`);
      }
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#cluster?.[Symbol.dispose]();
  }
}

/** @throws OptionError where no API server is known */
function watchCluster(
  { kubernetes }: NamingConfig,
  say: (message: string) => void,
): KubernetesNames | undefined {
  return kubernetes === undefined ? undefined : new KubernetesNames({ access: accessOf(kubernetes), say });
}

/** Changes when a file does. */
async function lookAt(config: NamingConfig): Promise<string> {
  const files = await Promise.all(
    namingFiles(config).map(async (path) => {
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      return `${path} ${found?.dev} ${found?.ino} ${found?.size} ${found?.mtimeNs}`;
    }),
  );
  return files.join('\n');
}
