/** What changed in the range, the newest first. */
import type { VNode } from 'preact';
import type { BalancerChange, BalancerState } from '../../api/balancer-types.js';
import { usePageAnswer } from '../../api/use-answer.js';
import { formatCount } from '../../format/number-text.js';
import { formatTime, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { linkTo } from '../../state/page-state.js';
import { rangeBetween } from '../../time/range-text.js';
import { realParameter } from './balancer-state.js';
import { changeText } from './balancer-words.js';
import { JudgedText } from './judged-text.js';

const MOST_CHANGES = 200;
/** A click on a change shows so much before and after it. */
const AROUND_MS = 300_000;

/** Shows them. @param balancer Undefined: of all balancers */
export function ChangesPanel({ balancer }: { readonly balancer: BalancerState | undefined }): VNode {
  const real = realParameter.value.value;
  // The filter is one of connections.
  const asked = usePageAnswer('balancer/changes', {
    ...{ balancer: balancer?.name, limit: MOST_CHANGES },
    filter: undefined,
  });
  const all = asked.answer?.changes ?? [];
  const changes = real === '' ? all : all.filter((change) => change.real === real);
  return (
    <Panel
      title="Changes"
      asked={asked}
      class="balancer-list balancer-wide"
      aside={
        real === '' ? (
          <span class="muted">{formatCount(asked.answer?.count)}</span>
        ) : (
          <a href={linkTo({ parameters: { real: undefined } })}>Of all reals</a>
        )
      }
    >
      {changes.length === 0 ? (
        <p class="empty">Nothing changed in this range{real !== '' && ' for this real'}.</p>
      ) : (
        <ol class="balancer-changes" aria-label="Changes">
          {changes.map((change, index) => (
            <ChangeRow key={`${change.time} ${index}`} change={change} />
          ))}
        </ol>
      )}
      {(asked.answer?.count ?? 0) > all.length && (
        <p class="muted">The newest {formatCount(all.length)}. A shorter range has the others.</p>
      )}
    </Panel>
  );
}

function ChangeRow({ change }: { readonly change: BalancerChange }): VNode {
  const at = parseApiTime(change.time);
  const { balancer, vip, real } = change;
  return (
    <li>
      <a class="balancer-when" href={linkTo({ range: rangeBetween(at - AROUND_MS, at + AROUND_MS) })}>
        <time>{formatTime(at)}</time>
      </a>
      <span>
        {vip === undefined ? (
          <strong>
            <Name name={balancer} />
          </strong>
        ) : (
          <>
            {real !== undefined && (
              <>
                <strong>
                  <Name name={real} />
                </strong>{' '}
                of{' '}
              </>
            )}
            <strong>
              <Name name={vip} />
            </strong>
          </>
        )}{' '}
        <JudgedText judged={changeText(change)} />
      </span>
    </li>
  );
}
