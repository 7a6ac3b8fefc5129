import { setTimeout as sleep } from 'node:timers/promises';
import { hash } from 'bcrypt';
import { BCRYPT_COST, ReplicaPair } from '../accounts/replica-pair.js';
import { expectedOf, Subject, type FactorState } from '../accounts/subject.js';
import type { Dice } from '../fuzz.js';
import { DatabaseLatency } from './database-latency.js';
import { Expectations } from './expectations.js';
import type { Attempt, Flow, Outcome } from './flow.js';
import { Invariants } from './invariants.js';
import { Workspace } from './workspace.js';

const MAX_OFFSET_MS = 8;

/** Two replicas, with the data that races need. */
export class RaceTrack {
  private constructor(
    readonly pair: ReplicaPair,
    readonly workspace: Workspace,
    readonly latency: DatabaseLatency,
  ) {}

  static async create(env: Record<string, string>, dice: Dice): Promise<RaceTrack> {
    const pair = await ReplicaPair.start(env);
    const latency = new DatabaseLatency(dice);
    for (const replica of pair.replicas) latency.addTo(replica);
    return new RaceTrack(pair, await Workspace.create(pair), latency);
  }
}

/** The states of the second factor in which two flows are tested: the states that the flows need. */
export function factorStatesOf(flows: readonly [Flow, Flow]): FactorState[] {
  if (flows.some(({ uses }) => uses === 'mfa token')) return ['confirmed'];
  const states = new Set(flows.flatMap(({ factor }) => factor ?? []));
  return states.size > 0 ? [...states] : ['none'];
}

/** Runs two flows of a new account at the same time on two replicas. Returns the violated invariants. */
export async function race(
  track: RaceTrack,
  flows: readonly [Flow, Flow],
  factor: FactorState,
  dice: Dice,
): Promise<string[]> {
  const startsLocked = flows.some((flow) => flow.startsLocked === true);
  const subject = await prepare(track, flows, factor, startsLocked);
  const attempts = attemptsOf(track, subject, dice);
  for (const [side, flow] of flows.entries()) {
    const attempt = attempts[side];
    if (flow.needsTenantToken && !startsLocked && attempt) {
      attempt.tenantToken = await track.workspace.tokenOf(attempt.replica, attempt.login);
    }
  }
  const offsets = [0, dice.next() * MAX_OFFSET_MS];
  if (dice.chance(0.5)) offsets.reverse();
  const runSide = async (attempt: Attempt): Promise<Outcome> => {
    const flow = flows[attempt.side];
    await sleep(offsets[attempt.side]);
    return { flow, attempt, answer: await flow.run(attempt) };
  };
  const outcomes = await track.latency.during(async () => {
    const both = await Promise.all(attempts.map(runSide));
    await track.pair.finishBackgroundWork();
    return both;
  });
  const expected = new Expectations(subject, outcomes, startsLocked);
  const invariants = new Invariants(track.pair, track.workspace, subject, outcomes, expected);
  await invariants.check();
  const answers = outcomes.map(({ flow, answer }) => `${flow.name}: ${answer.status}`).join(', ');
  return invariants.violations.map((violation) => `${answers} (factor ${factor}): ${violation}`);
}

async function prepare(
  { pair, workspace }: RaceTrack,
  flows: readonly Flow[],
  factor: FactorState,
  startsLocked: boolean,
): Promise<Subject> {
  const countOf = (what: Flow['uses']) => flows.filter(({ uses }) => uses === what).length;
  const subject = await Subject.create(pair, {
    factor,
    resetTokens: 1 + countOf('reset token'),
    mfaTokens: 1 + countOf('mfa token'),
    apiKeys: flows.some(({ name }) => name === 'API key revocation') ? 2 : 1,
  });
  const isMember = flows.some((flow) => flow.needsTenantToken) || !flows.some((flow) => flow.startsOutsideTenant);
  if (isMember) await workspace.addOwner(subject.id);
  if (flows.some((flow) => flow.startsWithOutdatedHash)) {
    const outdated = await hash(subject.password, BCRYPT_COST - 1);
    await pair.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [subject.id, outdated]);
  }
  if (startsLocked) {
    const [{ token }] = pair.administrators;
    expectedOf(await pair.replicas[0].patch(`/admin/users/${subject.id}`, { locked: true }, { token }), 200);
  }
  return subject;
}

/** The two sides use the same session or two sessions. */
function attemptsOf({ pair, workspace }: RaceTrack, subject: Subject, dice: Dice): [Attempt, Attempt] {
  const replicas = dice.chance(0.5) ? pair.replicas : pair.replicas.toReversed();
  const sessions = dice.chance(0.5) ? [0, 1] : [0, 0];
  const attemptOf = (side: 0 | 1): Attempt => ({
    side,
    replica: replicas[side] ?? pair.replicas[0],
    subject,
    login: subject.logins[sessions[side] ?? 0] as Attempt['login'],
    administrator: pair.administrators[side],
    workspace,
    newPassword: `the new password of side ${side + 1}`,
  });
  return [attemptOf(0), attemptOf(1)];
}
