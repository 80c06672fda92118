/** A server with a history in a process of its own, to be killed: arguments are the socket and the folder. */
import { HistoryStore } from '@weir/history';
import { SCHEMA_VERSION } from '@weir/history/schema';
import { IngestServer, PROTOCOLS } from '../../src/ingest/index.js';

const [socket, folder] = process.argv.slice(2) as [string, string];
const store = await HistoryStore.open({ folder });
await IngestServer.listen({
  socket,
  store,
  versions: { protocols: PROTOCOLS, version: '0.1.0', schema: SCHEMA_VERSION },
  onProblem: (message) => {
    throw new Error(message);
  },
});
setInterval(() => void store.maintain(), 200);
