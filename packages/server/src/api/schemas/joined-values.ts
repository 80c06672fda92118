/** Both ends of a connection in answers. */
import { z } from 'zod';
import { id } from './values.js';

const number = z.number().exactOptional();
const atEnds = <T extends z.ZodType>(value: T) =>
  z.strictObject({ client: value.exactOptional(), server: value.exactOptional() });
const numbers = atEnds(z.number());

const place = z
  .strictObject({
    host: id,
    local: z.strictObject({ address: z.string(), port: z.int().min(0).max(65_535) }),
    flow_id: z.string().exactOptional(),
  })
  .describe('Which of `connections` or `open` it is.');

const carried = z.strictObject({
  sent: number.describe('Payload that was acknowledged to the end that sent it.'),
  received: number,
  missing: number.describe('Sent less received.'),
});

const value = z.union([z.string(), z.number()]);

/** Two ends that belong together. */
export const joinedJson = z.strictObject({
  by: z.enum(['id', 'addresses']).describe('By what: connection_id, or mirrored addresses and time.'),
  client: place,
  server: place,
  others: z.int().describe('Further ends with the same connection_id.'),
  translations: z
    .array(
      z.strictObject({
        of: z.enum(['client', 'server']).describe('Whose it is.'),
        part: z.enum(['address', 'port']),
        own: value.describe('As the end itself has it.'),
        seen: value.describe('As the other end sees it.'),
      }),
    )
    .describe('What is rewritten between them (NAT).'),
  to_server: carried,
  to_client: carried,
  retransmits: numbers,
  srtt_us: numbers,
  handshake_us: numbers,
  duration_us: numbers,
  closed_by: atEnds(z.string()),
  closer: z
    .enum(['client', 'server', 'both'])
    .exactOptional()
    .describe('Which end closed it, or broke it off, where both say the same.'),
  clock_us: z
    .strictObject({ least: number, most: number })
    .describe("How far the server's clock is ahead of the client's, as far as the ends show it."),
});
