/** One connection, and its other end where that is known. */
import { useEffect, useState } from 'preact/hooks';
import type { ConnectionAnswer } from '../../api/api-types.js';
import { askConnection } from '../../api/client.js';
import { ApiProblem } from '../../api/problem.js';
import { recovery } from '../../api/server-state.js';
import type { AnyConnection } from './connection-words.js';
import { type BothEnds, bothEnds } from './ends-table.js';

/** What is known of it. */
export interface KnownConnection {
  /** The end that was asked for, or the one that connected. */
  readonly own: AnyConnection;
  readonly other: AnyConnection | undefined;
  /** Both, where they are known. */
  readonly ends: BothEnds | undefined;
  readonly answer: ConnectionAnswer;
}

/** An open connection is looked at again after so long. */
const AGAIN_MS = 5000;

/** Asks for a connection; again while it is open. */
export function useConnection(id: string): {
  readonly known: KnownConnection | undefined;
  readonly problem: ApiProblem | undefined;
} {
  const [known, setKnown] = useState<KnownConnection | undefined>(undefined);
  const [problem, setProblem] = useState<ApiProblem | undefined>(undefined);
  const again = recovery.value;
  // `again` grows when the server is back.
  useEffect(() => {
    if (id === '') return;
    const controller = new AbortController();
    const { signal } = controller;
    let timer = 0;
    const follow = async () => {
      try {
        const found = await find(id, signal);
        setKnown(found);
        setProblem(undefined);
        if (found.answer.open.length > 0) timer = window.setTimeout(follow, AGAIN_MS);
      } catch (error) {
        if (signal.aborted) return;
        setProblem(error instanceof ApiProblem ? error : ApiProblem.noAnswer());
      }
    };
    setKnown(undefined);
    setProblem(undefined);
    void follow();
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [id, again]);
  return { known, problem };
}

async function find(id: string, signal: AbortSignal): Promise<KnownConnection> {
  const answer = await askConnection(id, { signal });
  const ends = endsOf(answer);
  const own = ends.find(({ direction }) => direction === 'outbound') ?? ends[0]!;
  const { connection_id } = own;
  if (connection_id === undefined) return { own, other: undefined, ends: bothEnds(answer, own), answer };
  const isWhole = connection_id === id || ends.length > 1;
  const both = isWhole ? answer : await askConnection(connection_id, { signal });
  return { own, other: endsOf(both).find((end) => !isSame(end, own)), ends: bothEnds(both, own), answer };
}

function endsOf({ connections, open }: ConnectionAnswer): AnyConnection[] {
  return [...connections, ...open];
}

function isSame(a: AnyConnection, b: AnyConnection): boolean {
  return a.host === b.host && a.flow_id === b.flow_id && a.local.port === b.local.port;
}
