/** A server on descriptor 3 that prints the number of each batch. */
import { IngestServer } from '../../src/ingest/index.js';

await IngestServer.listen({
  socket: 3,
  versions: { protocols: [1, 1], version: '0.1.0', schema: 1 },
  store: {
    lastNumber: () => 0,
    append: async ({ number }) => {
      console.log(number);
      return true;
    },
  },
  onProblem: (message) => {
    throw new Error(message);
  },
});
