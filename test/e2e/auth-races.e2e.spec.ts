import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Dice } from '../support/fuzz.js';
import { amountOf } from '../support/long-form.js';
import { FLOWS } from '../support/races/flows.js';
import { factorStatesOf, race, RaceTrack } from '../support/races/race.js';

/** RACE_SEED repeats the random choices of a run. */
const SEED = Number(process.env['RACE_SEED'] ?? randomInt(2 ** 31));
const ROUNDS = amountOf('RACE_ROUNDS', { short: 1, long: 10 });
/** Share of the pairs that race. The seed chooses them. */
const PERCENT = amountOf('RACE_PERCENT', { short: 50, long: 100 });
/** Races of different accounts that run at once. */
const PARALLEL = 4;

let tracks: [RaceTrack, RaceTrack];
beforeAll(async () => {
  const dice = new Dice(SEED);
  tracks = await Promise.all([RaceTrack.create({}, dice), RaceTrack.create({ REDIS_URL: inject('redisUrl') }, dice)]);
});
afterAll(() => Promise.all(tracks.map(({ pair }) => pair.stop())));

async function inParallel(work: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...work];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next();
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

describe('two concurrent operations on one account, on two replicas', () => {
  it.each(FLOWS.map((flow, index) => ({ name: flow.name, flow, index })))(
    '$name: all invariants hold with the other operations',
    { tags: 'long', timeout: 300_000 * ROUNDS },
    async ({ flow, index }) => {
      const violations: string[] = [];
      const races = FLOWS.slice(index).flatMap((opponent, distance) =>
        Array.from({ length: ROUNDS }, (_, round) => async () => {
          const dice = new Dice(SEED + 10_000 * index + 100 * distance + round);
          if (!dice.chance(PERCENT / 100)) return;
          // Half of the races send invalidation messages through PostgreSQL, the others through Redis.
          const track = tracks[dice.below(2)] as RaceTrack;
          for (const factor of factorStatesOf([flow, opponent])) {
            violations.push(...(await race(track, [flow, opponent], factor, dice)));
          }
        }),
      );
      await inParallel(races);
      expect(violations, `RACE_SEED=${SEED}`).toEqual([]);
    },
  );
});
