/** Opens a history with the schema of the next version, and kills itself in the migration: FOLDER STEP. */
import { HistoryStore } from '../../src/index.js';
import { nextSchema } from './next-schema.js';

const [folder, stepToDie] = process.argv.slice(2) as [string, string];
await HistoryStore.open({
  folder,
  schema: nextSchema(),
  step: (step) => {
    if (step === stepToDie) process.kill(process.pid, 'SIGKILL');
  },
});
