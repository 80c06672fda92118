/** Ships a history until it is killed. Arguments: the folder of the history, the address of ClickHouse, the journal. */
import { Shipper, shipSource } from '../../src/clickhouse/index.js';
import { parseTarget } from '../../src/clickhouse/target.js';
import { HistoryStore } from '../../src/index.js';

const [folder = '', address = '', journal = ''] = process.argv.slice(2);
/** The rows of tests are from the past. */
const days = 20_000;
const store = await HistoryStore.open({ folder, minimumFreeBytes: 0 });
Shipper.start({
  source: shipSource(store, folder),
  target: parseTarget(address),
  access: {},
  layout: {
    database: 'weir',
    keptDays: { ends: days, intervals: days, opens: days, minutes: days, hours: days },
  },
  journal,
  rowsAtATime: 150,
  say: () => {},
});
