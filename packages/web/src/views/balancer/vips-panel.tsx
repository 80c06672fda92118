/** The VIPs of a balancer. */
import type { VNode } from 'preact';
import type { BalancerSeriesAnswer, BalancerState, BalancerVip } from '../../api/balancer-types.js';
import { formatCount, formatRate, formatShort } from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { NumberHeading } from '../../parts/number-heading.js';
import { Panel } from '../../parts/panel.js';
import { linkTo } from '../../state/page-state.js';
import { meanRates } from './balancer-chart.js';
import { endText, vipState } from './balancer-words.js';
import { JudgedText } from './judged-text.js';

interface VipsProps {
  readonly balancer: BalancerState;
  /** The one whose reals are shown. */
  readonly vip: BalancerVip | undefined;
  readonly series: BalancerSeriesAnswer | undefined;
}

/** Shows them. */
export function VipsPanel({ balancer, vip: chosen, series }: VipsProps): VNode {
  return (
    <Panel
      title="VIPs"
      aside={<span class="muted">{formatCount(balancer.vips.length)}</span>}
      class="balancer-list"
    >
      <table class="rank balancer-table" aria-label="VIPs">
        <thead>
          <tr>
            <th scope="col">VIP</th>
            <th scope="col">State</th>
            <NumberHeading isMinor>Reals in the ring</NumberHeading>
            <NumberHeading>Packets/s</NumberHeading>
            <NumberHeading isMinor>Bytes/s</NumberHeading>
          </tr>
        </thead>
        <tbody>
          {balancer.vips.map((vip) => {
            const { name, address, port, protocol, forwarding, reals } = vip;
            const mean = series?.series.find((each) => each.vip === name);
            const rates = ratesOf(vip, mean && meanRates(mean));
            const isChosen = name === chosen?.name;
            return (
              <tr key={name} class={isChosen ? 'is-chosen' : ''}>
                <th scope="row">
                  <a
                    href={linkTo({ parameters: { vip: name, real: undefined, to: undefined } })}
                    aria-current={isChosen ? 'true' : undefined}
                  >
                    <Name name={name} />
                  </a>
                  <p class="balancer-more">
                    <Name name={`${endText(address, port)}/${protocol}`} />
                    {forwarding === 'nat' && ', NAT'}
                    {forwarding === 'direct' && ', direct'}
                  </p>
                </th>
                <td>
                  <JudgedText judged={vipState(vip)} />
                </td>
                <td class="is-number is-minor">
                  {formatCount(reals.filter(({ ring_weight }) => ring_weight > 0).length)} of{' '}
                  {formatCount(reals.length)}
                </td>
                <td class="is-number">{formatShort(rates?.packets)}</td>
                <td class="is-number is-minor">{formatRate(rates?.bytes)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

/** Rates of now where they are known, else those of the range. */
export function ratesOf(
  {
    packets_per_second: packets,
    bytes_per_second: bytes,
  }: Pick<BalancerVip, 'packets_per_second' | 'bytes_per_second'>,
  mean: { readonly packets: number; readonly bytes: number } | undefined,
) {
  return packets === undefined || bytes === undefined ? mean : { packets, bytes };
}
