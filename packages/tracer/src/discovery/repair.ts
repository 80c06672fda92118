/** Experiments with TCP_REPAIR, which sets sequence numbers and sends nothing: they need CAP_NET_ADMIN. */

import { constants } from 'node:os';
import { randomInt } from '../random.js';
import { TcpState } from '../sockets/tcp-state.js';
import { type BoundProbeSocket, type Experiment, pairKnown, randomEndpoint } from './experiment.js';
import { icmpError, UnreachableCode } from './icmp.js';
import { tcpInfo } from './socket-info.js';
import { MessageFlag, SocketOption, type TestSocket } from './sockets.js';

const TCP_RECV_QUEUE = 1;
const TCP_SEND_QUEUE = 2;

/** ICMP's reasons and the errors that the kernel makes of them. */
const reasons = [
  { code: UnreachableCode.host, error: constants.errno.EHOSTUNREACH },
  { code: UnreachableCode.net, error: constants.errno.ENETUNREACH },
  { code: UnreachableCode.protocol, error: constants.errno.ENOPROTOOPT },
] as const;

/**
 * Connections to nobody, established by decree, with known sequence numbers; each hears by ICMP that its peer cannot
 * be reached, which is an error it only takes note of.
 *
 * @throws SyscallError
 */
export function setKnownSequences(experiment: Experiment, probe: BoundProbeSocket): void {
  probe.socket.set(SocketOption.repair, 1);
  let icmp: TestSocket | undefined;
  experiment.attempt('ICMP', () => {
    icmp = experiment.sockets.icmp();
  });
  for (const reason of reasons) setKnownSequence(experiment, probe, icmp, reason);
}

function setKnownSequence(
  experiment: Experiment,
  { socket, sk, local }: BoundProbeSocket,
  icmp: TestSocket | undefined,
  { code, error }: (typeof reasons)[number],
): void {
  const start = randomInt(2 ** 24, 2 ** 32 - 2 ** 24);
  const received = randomInt(2 ** 24, 2 ** 32 - 2 ** 24);
  const peer = randomEndpoint();
  const known = pairKnown(socket.family, local, peer);
  socket.set(SocketOption.repairQueue, TCP_RECV_QUEUE);
  socket.set(SocketOption.queueSequence, received);
  socket.set(SocketOption.repairQueue, TCP_SEND_QUEUE);
  socket.set(SocketOption.queueSequence, start);
  for (const seen of experiment.snapshots.take({ sk }, () => socket.connect(peer)))
    experiment.observe(seen, socket.family, { ...known, writeSeq: start, rcvNxt: received });

  // The urgent byte and the small segment stand where the first part ends, what was sent where the second does.
  const { maxSegmentSize } = tcpInfo(socket);
  const small = randomInt(1, maxSegmentSize);
  socket.send(small, MessageFlag.outOfBand);
  socket.send(2 * maxSegmentSize);
  const end = (start + small + 2 * maxSegmentSize) >>> 0;
  // As if it had arrived: neither what was read nor what was acknowledged moves with it.
  const arrived = randomInt(1, maxSegmentSize);
  socket.set(SocketOption.repairQueue, TCP_RECV_QUEUE);
  socket.send(arrived);
  icmp?.sendTo({ ...local, port: 0 }, icmpError(code, local, peer, start));
  const seen = experiment.before({ sk, from: TcpState.established, to: TcpState.close }, () =>
    socket.disconnect(),
  );
  experiment.observe(seen, socket.family, {
    ...known,
    ...{ writeSeq: end, sndUna: start, sndNxt: end, error: 0 },
    rcvNxt: (received + arrived) >>> 0,
    ...(icmp === undefined ? {} : { softError: error }),
  });
}
