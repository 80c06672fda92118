/** One run of `weir top --at`: a history in the place of a tracer. */
import { InterruptedError } from '@weir/history';
import { ExitCode, UsageError } from '../../failure.js';
import { Interruption } from '../../trace/interruption.js';
import { StreamPrinter } from '../stream.js';
import type { TopHost } from '../top-session.js';
import { pastFrame, type RecordedMoment } from './past-frame.js';
import { PastRecords } from './past-records.js';
import type { PastRequest, PastScene } from './past-scene.js';
import { showPast } from './past-screen.js';
import { type PastQuestions, recordedText, Timeline } from './timeline.js';

const MS = 1_000_000n;

/**
 * Shows, or prints, until a key, a signal, the count or the reader of the output ends it.
 *
 * @throws UsageError for a time of which nothing is recorded; the errors of the history. The terminal is as it was then.
 */
export async function runPastSession(
  request: PastRequest,
  questions: PastQuestions,
  host: TopHost,
): Promise<ExitCode> {
  const ending = new AbortController();
  const end = () => ending.abort();
  using _interruption = new Interruption(host.signals, end, (code) => host.exit(code));
  host.stdout.onBroken(end);
  const { limit, at, contents } = request;
  const now = () => BigInt(Date.now()) * MS;
  const timeline = new Timeline(questions, { limit, now, signal: ending.signal });
  const records = new PastRecords(request.enrich);
  const frameOf = (moment: RecordedMoment) => pastFrame(moment, records, contents);
  try {
    const first = await firstMoment(timeline, at, now());
    const scene: PastScene = { request, timeline, records, first, frameOf, ending };
    if (host.terminal === undefined) await print(scene, host);
    else await showPast(scene, host.terminal);
  } catch (error) {
    if (!(error instanceof InterruptedError && ending.signal.aborted)) throw error;
  }
  return ExitCode.ok;
}

/** What is not in yet, of a history that goes on, is that much at most. */
const BEHIND_NS = 60_000_000_000n;

/** @throws UsageError where nothing is recorded of it. */
async function firstMoment(timeline: Timeline, at: bigint, now: bigint): Promise<RecordedMoment> {
  const moment = await timeline.nearest(at);
  const isJustNow = moment?.edge === 'last' && at <= now && now - moment.at < BEHIND_NS;
  if (moment !== undefined && (moment.edge === undefined || isJustNow)) return moment;
  throw new UsageError(`--at: ${recordedText(at, await timeline.recorded())}`);
}

async function print(
  { request, timeline, records, first, frameOf, ending }: PastScene,
  { stdout }: TopHost,
): Promise<void> {
  const printer = new StreamPrinter(request, stdout);
  const step = BigInt(request.intervalMs) * MS;
  for (let moment = first; !ending.signal.aborted; ) {
    const { at, edge } = moment;
    if (!(await printer.print(frameOf(moment), records, new Date(Number(at / MS))))) return;
    if (printer.printed >= request.count || edge === 'last') return;
    const next = await timeline.nearest(at + step);
    if (next === undefined || next.at <= at) return;
    moment = next;
  }
}
