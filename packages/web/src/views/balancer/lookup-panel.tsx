/** Where a flow's next packet goes, and why: the balancer's program says so. */

import { useSignal } from '@preact/signals';
import { reasonText } from '@weir/balancer/reasons';
import type { VNode } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import type { BalancerLookupAnswer, BalancerState, BalancerVip } from '../../api/balancer-types.js';
import { useAnswer } from '../../api/use-answer.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { changePage } from '../../state/page-state.js';
import { clientParameter, destinationParameter } from './balancer-state.js';
import { endText } from './balancer-words.js';

interface LookupProps {
  readonly balancer: BalancerState;
  readonly vip: BalancerVip | undefined;
}

/** Shows it. The link has the flow, and whoever opens the link asks again. */
export function LookupPanel({ balancer, vip }: LookupProps): VNode {
  const client = clientParameter.value.value;
  const usual = vip === undefined ? '' : endText(vip.address, vip.port);
  const destination = destinationParameter.value.value || usual;
  const typed = useSignal({ client, destination });
  // A link that is followed has another flow. Before anything is shown: what is typed into it meanwhile would be lost.
  useLayoutEffect(() => {
    typed.value = { ...typed.value, client };
  }, [client]);
  useLayoutEffect(() => {
    typed.value = { ...typed.value, destination };
  }, [destination]);
  // It is asked again by a click: a flow may be known by then.
  const times = useSignal(0);
  const protocol = protocolOf(balancer, destination, vip);
  const asked = useAnswer(
    'balancer/lookup',
    client === '' || destination === ''
      ? undefined
      : { balancer: balancer.name, vip: destination, client, protocol },
    times.value,
  );
  const submit = (event: Event) => {
    event.preventDefault();
    const { client: from, destination: to } = typed.value;
    changePage({
      parameters: { client: from.trim(), to: to.trim() === usual ? undefined : to.trim() },
    });
    times.value++;
  };
  return (
    <Panel title="Where does a flow go?" class="balancer-wide">
      <form class="balancer-lookup" onSubmit={submit}>
        <label>
          Client
          <input
            name="client"
            required
            placeholder="192.0.2.7:31337"
            value={typed.value.client}
            onInput={({ currentTarget }) => {
              typed.value = { ...typed.value, client: currentTarget.value };
            }}
          />
        </label>
        <label>
          VIP
          <input
            name="vip"
            required
            placeholder="198.51.100.1:443"
            value={typed.value.destination}
            onInput={({ currentTarget }) => {
              typed.value = { ...typed.value, destination: currentTarget.value };
            }}
          />
        </label>
        <button type="submit" class="primary">
          Look up
        </button>
      </form>
      <div role="status">
        {asked.problem !== undefined && client !== '' ? (
          <p class="notice is-bad">{asked.problem.message}</p>
        ) : (
          asked.answer !== undefined && client !== '' && <Found found={asked.answer} />
        )}
      </div>
      <p class="muted">The program itself answers; nothing is counted, and no flow becomes known by it.</p>
    </Panel>
  );
}

/** The protocol of the VIP with that end. */
function protocolOf(
  { vips }: BalancerState,
  destination: string,
  chosen: BalancerVip | undefined,
): 'tcp' | 'udp' {
  const isIt = ({ address, port }: BalancerVip) => endText(address, port) === destination;
  if (chosen !== undefined && isIt(chosen)) return chosen.protocol;
  return (vips.find(isIt) ?? chosen)?.protocol ?? 'tcp';
}

const verdicts: Readonly<Record<string, string>> = {
  tx: 'is sent on',
  redirect: 'is sent on',
  pass: 'is left to the host',
  drop: 'is dropped',
  aborted: 'is dropped',
};

function Found({ found }: { readonly found: BalancerLookupAnswer }): VNode {
  const { verdict, vip, real } = found;
  return (
    <p class="notice">
      Its next packet <strong>{verdicts[verdict] ?? verdict}</strong>
      {real !== undefined && (
        <>
          {' '}
          to{' '}
          <strong>
            <Name name={real.name ?? real.address} />
          </strong>
          {real.name !== undefined && real.name !== real.address && (
            <>
              {' '}
              (<Name name={endText(real.address, real.port)} />)
            </>
          )}
        </>
      )}
      : {reasonText(found.reason)}
      {vip !== undefined && (
        <>
          , VIP <Name name={vip} />
        </>
      )}
      .
    </p>
  );
}
