/** Both ends of a connection side by side. */
import type { VNode } from 'preact';
import { UNKNOWN } from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { hostName } from '../../state/host-names.js';
import { linkTo } from '../../state/page-state.js';
import type { AnyConnection } from './connection-words.js';
import { type BothEnds, endsRows } from './ends-table.js';

/** Shows them. @param own The end that the page is about: the other one has a link */
export function BothEndsPanel({
  ends,
  own,
}: {
  readonly ends: BothEnds;
  readonly own: AnyConnection;
}): VNode {
  const { joined, client, server } = ends;
  const other = client === own || client.flow_id === own.flow_id ? server : client;
  const link = other.flow_id === undefined ? undefined : linkTo({ parameters: { id: other.flow_id } });
  return (
    <Panel
      title="Both ends"
      class="connection-wide"
      aside={link !== undefined && <a href={link}>Page of the {other === client ? 'client' : 'server'}</a>}
    >
      <table class="connection-ends">
        <thead>
          <tr>
            <td />
            <th scope="col">Client</th>
            <th scope="col">Server</th>
            <th scope="col">What differs</th>
          </tr>
        </thead>
        <tbody>
          {endsRows(ends, hostName).map(({ name, client: first, server: second, note, isBad }) => (
            <tr key={name} class={isBad ? 'is-bad' : ''}>
              <th scope="row">{name}</th>
              <td data-end="Client">{first === undefined ? UNKNOWN : <Name name={first} />}</td>
              <td data-end="Server">{second === undefined ? UNKNOWN : <Name name={second} />}</td>
              <td class="connection-note">{note}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {joined.by === 'addresses' && (
        <p class="muted">
          They have no number in common: their addresses mirror each other, and they were open at the same
          time.
        </p>
      )}
      {joined.others > 0 && <p class="muted">{joined.others} more ends have the same connection_id.</p>}
    </Panel>
  );
}
