/** By what connections in ClickHouse can be sorted. Pure. */
import {
  type ConnectionOrder,
  type ConnectionOrders,
  connectionOrders,
} from '../../query/connection-orders.js';
import { clickhouseFields } from './read-fields.js';

/** Orders over other expressions than those of fields and columns. */
const others: Readonly<Record<string, string>> = {
  // The text has the digits of the number.
  peer: 'lower(hex(peer_ip))',
  local: 'lower(hex(local_ip))',
  outcome: "if(event = 'fail', coalesce(error, 'failed'), closed_by)",
  flow_id: 'flow_ns',
};

/** The same orders, as ClickHouse's SQL. */
export const clickhouseOrders = Object.fromEntries(
  Object.entries(connectionOrders).map(([name, { type }]): [string, ConnectionOrder] => {
    const sql = others[name] ?? clickhouseFields[name]?.sql ?? name;
    const plain = type === 'HUGEINT' ? `toInt128(${sql})` : `CAST(${sql}, 'Nullable(String)')`;
    return [name, { sql: plain, type }];
  }),
) as ConnectionOrders;
