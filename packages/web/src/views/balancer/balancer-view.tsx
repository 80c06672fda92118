/** Load balancers: VIPs and reals with health, share and traffic, what changed, and where a flow goes. */
import type { VNode } from 'preact';
import type { BalancerAnswer, BalancerState } from '../../api/balancer-types.js';
import { type Asked, useAnswer } from '../../api/use-answer.js';
import { formatCount } from '../../format/number-text.js';
import { apiTime, formatTime, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { isLive, pageRange } from '../../state/page-range.js';
import { linkTo } from '../../state/page-state.js';
import { stepSeconds } from '../../time/range-text.js';
import { balancerParameter, vipParameter } from './balancer-state.js';
import { deviceText } from './balancer-words.js';
import { ChangesPanel } from './changes-panel.js';
import { LookupPanel } from './lookup-panel.js';
import { RealsPanel } from './reals-panel.js';
import { TrafficPanel } from './traffic-panel.js';
import { VipsPanel } from './vips-panel.js';

const MOST_STEPS = 120;
/** What moved is known by the look, each few seconds. */
const LEAST_STEP = 10;
const MOST_SERIES = 100;
/** A state that is older is not that of now. */
const STALE_MS = 90_000;

/** Shows it. */
export function BalancerView(): VNode {
  const range = pageRange.value;
  const live = isLive.value;
  // The state is that of the end of the range.
  const at = range === undefined || live ? undefined : apiTime(range.to);
  const asked = useAnswer('balancer', range && { at }, range?.text);
  const balancers = asked.answer?.balancers ?? [];
  const chosen = balancers.find(({ name }) => name === balancerParameter.value.value) ?? balancers[0];
  const vip = chosen?.vips.find(({ name }) => name === vipParameter.value.value) ?? chosen?.vips[0];
  const step = range && Math.max(LEAST_STEP, stepSeconds(range.from, range.to, MOST_STEPS));
  const question = range &&
    chosen && { range: range.text, balancer: chosen.name, step: `${step}s`, limit: MOST_SERIES };
  const vips = useAnswer('balancer/series', question && { ...question, by: 'vip' });
  const reals = useAnswer('balancer/series', question && vip && { ...question, by: 'real', vip: vip.name });
  return (
    <div class="balancer">
      <StatePanel asked={asked} chosen={chosen} isLive={live} />
      {chosen !== undefined && chosen.vips.length > 0 && (
        <>
          <VipsPanel balancer={chosen} vip={vip} series={vips.answer} />
          <TrafficPanel title="Packets by VIP" by="vip" asked={vips} />
          {vip !== undefined && (
            <>
              <RealsPanel vip={vip} series={reals.answer} />
              <TrafficPanel title="Packets by real" by="real" asked={reals} />
            </>
          )}
        </>
      )}
      {asked.answer !== undefined && <ChangesPanel balancer={chosen} />}
      {chosen?.running === true && live && <LookupPanel balancer={chosen} vip={vip} />}
    </div>
  );
}

interface StateProps {
  readonly asked: Asked<BalancerAnswer>;
  readonly chosen: BalancerState | undefined;
  readonly isLive: boolean;
}

function StatePanel({ asked, chosen, isLive }: StateProps): VNode {
  const { at, balancers = [] } = asked.answer ?? {};
  const seen = at === undefined ? undefined : parseApiTime(at);
  const isOld = isLive && seen !== undefined && Date.now() - seen > STALE_MS;
  return (
    <Panel
      title={balancers.length > 1 ? 'Balancers' : 'Balancer'}
      asked={asked}
      class="balancer-wide"
      aside={
        seen !== undefined &&
        balancers.length > 0 && (
          <span class="muted">
            {isLive ? 'as of' : 'as it was'} <time>{formatTime(seen)}</time>
          </span>
        )
      }
    >
      {isOld && (
        <p class="notice is-bad">
          The collector has said nothing for {formatCount(Math.round((Date.now() - seen) / 1000))} s: this may
          have changed.
        </p>
      )}
      {chosen === undefined ? (
        <p class="empty">
          {isLive ? 'No balancer runs on this host.' : 'No balancer is known to have run then.'}
        </p>
      ) : (
        <>
          {balancers.length > 1 && (
            <nav class="balancer-choice" aria-label="Balancers">
              {balancers.map(({ name }) => (
                <a
                  key={name}
                  href={linkTo({ parameters: { balancer: name, vip: undefined, real: undefined } })}
                  aria-current={name === chosen.name ? 'true' : undefined}
                >
                  <Name name={name} />
                </a>
              ))}
            </nav>
          )}
          <StateFigures state={chosen} />
        </>
      )}
    </Panel>
  );
}

function StateFigures({ state }: { readonly state: BalancerState }): VNode {
  const { name, running, pid, started, packets, interfaces, omitted, version } = state;
  return (
    <>
      {!running && (
        <p class="notice is-bad">
          Its process does not answer: it has ended, is busy, or has its control socket elsewhere. Packets are
          forwarded as before, but it is not known what it does. If it has ended,{' '}
          <code>weir balance run</code> goes on with it.
        </p>
      )}
      <dl class="balancer-figures">
        <div>
          <dt>Name</dt>
          <dd>
            <Name name={name} />
          </dd>
        </div>
        {interfaces.length > 0 && (
          <div>
            <dt>Devices</dt>
            <dd>
              <Name name={deviceText(state)} />
            </dd>
          </div>
        )}
        {started !== undefined && (
          <div>
            <dt>Process</dt>
            <dd>
              {pid}, since <time>{formatTime(parseApiTime(started))}</time>
              {version !== undefined && <span class="muted">, Weir {version}</span>}
            </dd>
          </div>
        )}
        {packets !== undefined && (
          <>
            <Count title="Packets sent on" count={packets.tx} />
            <Count title="Left to the host" count={packets.pass} />
            <Count title="Dropped" count={packets.drop} />
          </>
        )}
      </dl>
      {omitted > 0 && (
        <p class="notice">
          {formatCount(omitted)} VIPs and reals are not shown: there are too many.{' '}
          <code>weir balance status</code> has them all.
        </p>
      )}
    </>
  );
}

function Count({ title, count }: { readonly title: string; readonly count: number }): VNode {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{formatCount(count)}</dd>
    </div>
  );
}
