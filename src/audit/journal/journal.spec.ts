import { appendFile, mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testFolder } from '../../../test/support/folder.js';
import { Journal, JournalUnavailableError } from './journal.js';

const LIMITS = { segmentBytes: 1_000, maxBytes: 1_000_000 };

let folder: Awaited<ReturnType<typeof testFolder>>;
beforeEach(async () => (folder = await testFolder()));
afterEach(() => folder.stop());

const open = (limits = LIMITS) => Journal.open(folder.path, limits);
const lines = (count: number) => Array.from({ length: count }, (_, i) => `{"n":${i},"filler":"${'x'.repeat(80)}"}`);
const files = async () => (await readdir(folder.path, { recursive: true })).filter((name) => name.endsWith('.seg'));

async function replayAll(journal: Journal): Promise<string[]> {
  const records: string[] = [];
  for (let segment = await journal.nextToReplay(); segment; segment = await journal.nextToReplay()) {
    records.push(...(await segment.read()).records);
    segment.markReplayed();
  }
  return records;
}

describe('a journal', () => {
  it('has acknowledged records on disk, and another process recovers them after its owner has closed it', async () => {
    const first = await open();
    await Promise.all(lines(50).map((line) => first.append(line)));
    await first.close();
    const second = await open();
    expect(await second.recoverOrphans()).toBeGreaterThan(0);
    expect(await replayAll(second)).toEqual(lines(50));
    await second.close();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('creates new segments, and removes stored segments', async () => {
    const journal = await open();
    for (const line of lines(40)) (await journal.append(line)).release();
    expect((await files()).length).toBeGreaterThan(3);
    await journal.removeStored();
    expect((await files()).length).toBeLessThanOrEqual(1);
    await journal.close();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('rejects records above its size limit with the reason, and accepts records again when there is space', async () => {
    const journal = await open({ segmentBytes: 1_000, maxBytes: 3_000 });
    const segments = [];
    let refusal: unknown;
    try {
      for (const line of lines(100)) segments.push(await journal.append(line));
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(JournalUnavailableError);
    expect(String(refusal)).toContain('the limit is 3000 bytes');
    expect(segments.length).toBeGreaterThan(10);
    for (const segment of segments) segment.release();
    await journal.removeStored();
    await journal.append('{"again":true}');
    await journal.close();
  });

  it('does not recover the folder of a living process', async () => {
    const one = await open();
    const other = await open();
    await one.append('{"mine":1}');
    expect(await other.recoverOrphans()).toBe(0);
    await one.append('{"mine":2}');
    await one.close();
    expect(await other.recoverOrphans()).toBe(1);
    expect(await replayAll(other)).toEqual(['{"mine":1}', '{"mine":2}']);
    await other.close();
  });

  it('is recovered by exactly one of several processes that try at the same time', async () => {
    const dead = await open();
    await dead.append('{"n":1}');
    await dead.close();
    const successors = await Promise.all([open(), open(), open()]);
    const counts = await Promise.all(successors.map((successor) => successor.recoverOrphans()));
    expect(counts.sort((a, b) => a - b)).toEqual([0, 0, 1]);
    await Promise.all(successors.map((successor) => successor.close()));
  });

  it('is recovered again, together with the journal of the process that recovered it and then ended', async () => {
    const dead = await open();
    await dead.append('{"n":1}');
    await dead.close();
    const successor = await open();
    await successor.recoverOrphans();
    await successor.append('{"n":2}');
    await successor.close();
    const next = await open();
    await next.recoverOrphans();
    expect((await replayAll(next)).sort()).toEqual(['{"n":1}', '{"n":2}']);
    await next.close();
  });

  it('of another machine is recovered only after a minute without a heartbeat', async () => {
    const foreign = join(folder.path, 'foreign');
    await mkdir(foreign);
    const owner = join(foreign, 'owner.json');
    await writeFile(owner, JSON.stringify({ host: 'another-machine', pid: process.pid, startTicks: '1' }));
    await writeFile(join(foreign, '000000001.seg'), '');
    const journal = await open();
    expect(await journal.recoverOrphans()).toBe(0);
    const past = new Date((await stat(owner)).mtimeMs - 61_000);
    await utimes(owner, past, past);
    expect(await journal.recoverOrphans()).toBe(1);
    await journal.close();
  });

  it('with an incomplete end returns the records before it', async () => {
    const dead = await open({ ...LIMITS, segmentBytes: 1_000_000 });
    await Promise.all(lines(5).map((line) => dead.append(line)));
    await dead.close();
    const [file = ''] = await files();
    await appendFile(join(folder.path, file), Buffer.from('000000501234', 'hex'));
    const successor = await open();
    await successor.recoverOrphans();
    const segment = await successor.nextToReplay();
    expect(await segment?.read()).toEqual({ records: lines(5), damaged: 0, incompleteBytes: 6 });
    await successor.close();
  });
});
