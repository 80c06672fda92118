/** In the place of node:worker_threads, in modules that start a thread beside themselves: its script is in the executable, too. */

import { basename } from 'node:path';
import { getRawAsset } from 'node:sea';
import { fileURLToPath } from 'node:url';
import { Worker as NodeWorker, type WorkerOptions } from 'node:worker_threads';

export class Worker extends NodeWorker {
  constructor(module: URL, options?: WorkerOptions) {
    const name = basename(fileURLToPath(module), '.js');
    const script = Buffer.from(getRawAsset(`${name}.cjs`) as ArrayBuffer).toString('latin1');
    super(`${script.trimEnd()}(require)`, { ...options, eval: true });
  }
}
