/** Parts of statements about the sides of connections. Pure. */

/** Whether the side of a row connected. Where that was not seen, the lower port accepted. */
export const isClientSql =
  "CASE direction WHEN 'outbound' THEN true WHEN 'inbound' THEN false ELSE local_port > peer_port END";
