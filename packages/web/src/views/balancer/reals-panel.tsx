/** The reals of a VIP. */
import type { VNode } from 'preact';
import type { BalancerReal, BalancerSeriesAnswer, BalancerVip } from '../../api/balancer-types.js';
import { formatRate, formatRatio, formatSeconds, formatShort } from '../../format/number-text.js';
import { parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { NumberHeading } from '../../parts/number-heading.js';
import { Panel } from '../../parts/panel.js';
import { isLive } from '../../state/page-range.js';
import { linkTo } from '../../state/page-state.js';
import { meanRates } from './balancer-chart.js';
import { realParameter } from './balancer-state.js';
import { endText, realState, weightText } from './balancer-words.js';
import { JudgedText } from './judged-text.js';
import { ratesOf } from './vips-panel.js';

interface RealsProps {
  readonly vip: BalancerVip;
  readonly series: BalancerSeriesAnswer | undefined;
}

/** Shows them. */
export function RealsPanel({ vip, series }: RealsProps): VNode {
  const chosen = realParameter.value.value;
  return (
    <Panel
      title="Reals"
      class="balancer-list"
      aside={
        <span class="muted">
          of <Name name={vip.name} />
        </span>
      }
    >
      {vip.reals.length === 0 ? (
        <p class="empty">It has none: its packets are dropped.</p>
      ) : (
        <table class="rank balancer-table" aria-label="Reals">
          <thead>
            <tr>
              <th scope="col">Real</th>
              <th scope="col">Health</th>
              <NumberHeading isMinor>Weight</NumberHeading>
              <NumberHeading>Share</NumberHeading>
              <NumberHeading>Packets/s</NumberHeading>
              <NumberHeading isMinor>Bytes/s</NumberHeading>
            </tr>
          </thead>
          <tbody>
            {vip.reals.map((real) => (
              <RealRow
                key={`${real.name} ${real.address} ${real.port}`}
                {...{ real, series }}
                isChosen={real.name === chosen}
              />
            ))}
          </tbody>
        </table>
      )}
      <p class="muted">
        {vip.reals.some(({ ring_weight, weight }) => ring_weight !== weight) &&
          'Weight: in the ring, and in brackets in the configuration. '}
        Share: of new flows. Traffic of a real is that of all its VIPs.
      </p>
    </Panel>
  );
}

function RealRow({
  real,
  series,
  isChosen,
}: {
  readonly real: BalancerReal;
  readonly series: BalancerSeriesAnswer | undefined;
  readonly isChosen: boolean;
}): VNode {
  const { name, address, port, share, reason, condition } = real;
  const mean = series?.series.find((each) => each.real === name && each.address === address);
  const rates = ratesOf(real, mean && meanRates(mean));
  return (
    <tr class={isChosen ? 'is-chosen' : ''}>
      <th scope="row">
        <a
          href={linkTo({ parameters: { real: isChosen ? undefined : name } })}
          aria-current={isChosen ? 'true' : undefined}
        >
          <Name name={name} />
        </a>
        {name !== address && (
          <p class="balancer-more">
            <Name name={endText(address, port)} />
          </p>
        )}
      </th>
      <td>
        <JudgedText judged={realState(real)} />
        <Since real={real} />
        {reason !== undefined && condition !== 'up' && (
          <p class="balancer-more">
            <Name name={reason} />
          </p>
        )}
      </td>
      <td class="is-number is-minor">{weightText(real)}</td>
      <td class="is-number">
        {formatRatio(share)}
        <svg class="bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
          <rect width={share * 100} height="3" />
        </svg>
      </td>
      <td class="is-number">{formatShort(rates?.packets)}</td>
      <td class="is-number is-minor">{formatRate(rates?.bytes)}</td>
    </tr>
  );
}

/** For how long; in the past, the changes say it. */
function Since({ real: { since } }: { readonly real: BalancerReal }): VNode | null {
  if (since === undefined || !isLive.value) return null;
  const seconds = Math.max(0, (Date.now() - parseApiTime(since)) / 1000);
  return <span class="muted"> for {formatSeconds(seconds)}</span>;
}
