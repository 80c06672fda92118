/** Both ends of a connection side by side, in words. Pure. */
import type { AtEnds, Carried, ConnectionAnswer, EndPlace, Joined } from '../../api/api-types.js';
import { formatBytes, formatCount, formatMicroseconds } from '../../format/number-text.js';
import { type AnyConnection, endText } from './connection-words.js';

/** Something that both ends say. */
export interface EndsRow {
  readonly name: string;
  /** Undefined: not known there. */
  readonly client: string | undefined;
  readonly server: string | undefined;
  /** What differs, or what follows; empty where there is nothing to say. */
  readonly note: string;
  /** Whether something was lost, or does not fit. */
  readonly isBad: boolean;
}

/** The ends of which both are known. */
export interface BothEnds {
  readonly joined: Joined;
  readonly client: AnyConnection;
  readonly server: AnyConnection;
}

/** The pair that has an end; undefined where its other end is not known. */
export function bothEnds(answer: ConnectionAnswer, own: AnyConnection): BothEnds | undefined {
  const ends: readonly AnyConnection[] = [...answer.connections, ...answer.open];
  const find = (place: EndPlace) => ends.find((end) => isAt(end, place));
  for (const joined of answer.joined) {
    const [client, server] = [find(joined.client), find(joined.server)];
    if (client === undefined || server === undefined) continue;
    if (isAt(own, joined.client) || isAt(own, joined.server)) return { joined, client, server };
  }
  return undefined;
}

function isAt({ host, flow_id, local }: AnyConnection, place: EndPlace): boolean {
  return (
    host === place.host &&
    flow_id === place.flow_id &&
    local.address === place.local.address &&
    local.port === place.local.port
  );
}

/** All rows. @param nameOf What a host is called */
export function endsRows({ joined, client, server }: BothEnds, nameOf: (host: string) => string): EndsRow[] {
  const isRewritten = (of: 'client' | 'server') => joined.translations.some((each) => each.of === of);
  const row = (
    name: string,
    a: string | undefined,
    b: string | undefined,
    note = '',
    isBad = false,
  ): EndsRow => {
    return { name, client: a, server: b, note, isBad };
  };
  const seen = (of: 'client' | 'server') => (isRewritten(of) ? ', which is rewritten in between (NAT)' : '');
  const note = (of: 'client' | 'server', other: string) =>
    isRewritten(of) ? `The ${other} sees another address${seen(of)}` : '';
  return [
    row('Host', nameOf(client.host), nameOf(server.host), client.host === server.host ? 'One host' : ''),
    row('Process', client.process?.comm, server.process?.comm),
    row("Client's address", endText(client.local), endText(server.peer), note('client', 'server')),
    row("Server's address", endText(client.peer), endText(server.local), note('server', 'client')),
    carriedRow('Bytes to the server', joined.to_server, 'sent', 'received'),
    carriedRow('Bytes to the client', joined.to_client, 'received', 'sent'),
    atEnds('Sent again', joined.retransmits, formatCount),
    atEnds('Round trip', joined.srtt_us, formatMicroseconds),
    atEnds('Handshake', joined.handshake_us, formatMicroseconds),
    atEnds('Duration', joined.duration_us, formatMicroseconds),
    row('Closed by', joined.closed_by.client, joined.closed_by.server, closerText(joined)),
    row('Clocks', undefined, undefined, clockText(joined)),
  ].filter(({ client: a, server: b, note: text }) => a !== undefined || b !== undefined || text !== '');
}

function carriedRow(
  name: string,
  { sent, received, missing = 0 }: Carried,
  client: 'sent' | 'received',
  server: 'sent' | 'received',
): EndsRow {
  const text = (what: 'sent' | 'received') => {
    const bytes = what === 'sent' ? sent : received;
    return bytes === undefined ? undefined : `${formatBytes(bytes)} ${what}`;
  };
  const note =
    missing > 0
      ? `${formatBytes(missing)} did not arrive`
      : missing < 0
        ? `${formatBytes(-missing)} arrived and were not acknowledged`
        : '';
  return { name, client: text(client), server: text(server), note, isBad: missing > 0 };
}

function atEnds(
  name: string,
  { client, server }: AtEnds<number>,
  format: (value: number) => string,
): EndsRow {
  const text = (value: number | undefined) => (value === undefined ? undefined : format(value));
  return { name, client: text(client), server: text(server), note: '', isBad: false };
}

function closerText({ closer, closed_by: { client, server } }: Joined): string {
  if (closer === 'both') return 'Both closed it at once';
  if (closer !== undefined) return `The ${closer} did`;
  return client !== undefined && server !== undefined && client !== server ? 'They do not agree' : '';
}

function clockText({ clock_us: { least, most } }: Joined): string {
  if (most !== undefined && most < 0) return `The server's is ${formatMicroseconds(-most)} or more behind`;
  if (least !== undefined && least > 0) return `The server's is ${formatMicroseconds(least)} or more ahead`;
  if (least === undefined || most === undefined) return '';
  return `They differ by ${formatMicroseconds(Math.max(-least, most))} at most`;
}
