import { execFileSync } from 'node:child_process';
import { appendFile, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deliveredEvent } from '../../../test/support/delivered-event.js';
import { testFolder } from '../../../test/support/folder.js';
import { canMount } from '../../../test/support/mount.js';
import { FileSink } from './file.sink.js';

describe('the file sink', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  beforeEach(async () => (folder = await testFolder()));
  afterEach(() => folder.stop());

  const files = async () => (await readdir(folder.path)).filter((name) => name.endsWith('.ndjson')).sort();
  const content = async () => {
    const texts = await Promise.all((await files()).map((name) => readFile(join(folder.path, name), 'utf8')));
    return texts.join('');
  };
  const ids = async () =>
    (await content())
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { id: string }).id);

  it('writes a line for each event, in files of a bounded size that only this user may read', async () => {
    const sink = new FileSink({ folder: join(folder.path), maxBytes: 2_000 });
    const events = Array.from({ length: 20 }, () => deliveredEvent({ metadata: { note: 'two\nlines' } }));
    for (let i = 0; i < 20; i += 2) await sink.write(events.slice(i, i + 2));
    await sink.close();
    expect(await ids()).toEqual(events.map(({ event }) => event.id));
    const names = await files();
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) {
      const { size, mode } = await stat(join(folder.path, name));
      expect(size).toBeLessThanOrEqual(2_000);
      expect(mode & 0o077).toBe(0);
    }
  });

  it('starts a new file on a new day', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-21T23:59:59Z') });
    const sink = new FileSink({ folder: folder.path });
    await sink.write([deliveredEvent()]);
    vi.setSystemTime(new Date('2026-11-22T00:00:01Z'));
    await sink.write([deliveredEvent()]);
    await sink.close();
    vi.useRealTimers();
    expect(await files()).toEqual(['audit-2026-11-21.000001.ndjson', 'audit-2026-11-22.000001.ndjson']);
  });

  it('continues after an incomplete line of a crash', async () => {
    const [before, after] = [deliveredEvent(), deliveredEvent()];
    const crashed = new FileSink({ folder: folder.path });
    await crashed.write([before]);
    await crashed.close();
    await appendFile(join(folder.path, (await files())[0] ?? ''), '{"id":"0198');
    const sink = new FileSink({ folder: folder.path });
    await sink.write([after]);
    await sink.close();
    expect(await ids()).toEqual([before.event.id, after.event.id]);
  });

  it('does not overwrite lines of another process', async () => {
    const events = Array.from({ length: 3 }, () => deliveredEvent());
    const [one, other] = [new FileSink({ folder: folder.path }), new FileSink({ folder: folder.path })];
    for (const [index, sink] of [one, other, one].entries()) await sink.write(events.slice(index, index + 1));
    await Promise.all([one.close(), other.close()]);
    expect(await ids()).toEqual(events.map(({ event }) => event.id));
  });

  it.runIf(canMount())(
    'survives a full disk: it writes no partial line, and writes all events when there is space again',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', folder.path]);
      const sink = new FileSink({ folder: folder.path });
      try {
        const filler = join(folder.path, 'filler');
        await writeFile(filler, Buffer.alloc(96 * 1024));
        const events = Array.from({ length: 100 }, () => deliveredEvent());
        const failures: { code: unknown; isWhole: boolean }[] = [];
        for (let i = 0; i < events.length;) {
          try {
            await sink.write(events.slice(i, i + 4));
            i += 4;
          } catch (error) {
            const isWhole = (await content()).endsWith('\n') && (await ids()).length === i;
            failures.push({ code: (error as NodeJS.ErrnoException).code, isWhole });
            if (failures.length === 3) await rm(filler);
          }
        }
        expect(failures).toEqual(Array.from({ length: 3 }, () => ({ code: 'ENOSPC', isWhole: true })));
        expect(await ids()).toEqual(events.map(({ event }) => event.id));
      } finally {
        await sink.close();
        execFileSync('umount', [folder.path]);
      }
    },
  );
});
