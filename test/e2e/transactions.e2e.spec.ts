import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { afterCommit, inTransaction, managerOf, outsideTransaction } from '../../src/database/index.js';
import { ownDatabase } from '../support/database.js';

describe('a transaction that services share', () => {
  let source: DataSource;
  beforeAll(async () => {
    source = await new DataSource({ type: 'postgres', url: await ownDatabase() }).initialize();
    await source.query('CREATE TABLE marks (name text PRIMARY KEY)');
  });
  afterAll(() => source.destroy());

  const mark = (name: string) => managerOf(source).query('INSERT INTO marks VALUES ($1)', [name]);
  const marks = async (names: string[]) =>
    (await source.query<{ name: string }[]>('SELECT name FROM marks WHERE name = ANY ($1) ORDER BY name', [names])).map(
      ({ name }) => name,
    );

  it('commits the writes of all services, and then runs the callbacks', async () => {
    const seen: string[][] = [];
    const result = await inTransaction(source, async () => {
      await mark('a1');
      await inTransaction(source, () => mark('a2'));
      await afterCommit(async () => seen.push(await marks(['a1', 'a2'])));
      expect(await outsideTransaction(() => marks(['a1', 'a2']))).toEqual([]);
      return 'result';
    });
    expect(result).toBe('result');
    expect(seen).toEqual([['a1', 'a2']]);
  });

  it('rolls back all writes on an error, and does not run the callbacks', async () => {
    let hasRun = false;
    const failing = inTransaction(source, async () => {
      await mark('b1');
      await inTransaction(source, () => mark('b2'));
      await afterCommit(() => (hasRun = true));
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
    expect(await marks(['b1', 'b2'])).toEqual([]);
    expect(hasRun).toBe(false);
  });

  it('runs a callback at once if no transaction is open', async () => {
    let hasRun = false;
    await afterCommit(() => (hasRun = true));
    expect(hasRun).toBe(true);
  });

  it('does not include work after its end or work of another data source', async () => {
    const other = await new DataSource({ type: 'postgres', url: await ownDatabase() }).initialize();
    let late: Promise<unknown> | undefined;
    let release = () => {};
    const ended = new Promise<void>((resolve) => (release = resolve));
    await inTransaction(source, async () => {
      late = ended.then(() => mark('late'));
      expect(managerOf(other)).toBe(other.manager);
      expect(managerOf(source)).not.toBe(source.manager);
    });
    release();
    await late;
    expect(await marks(['late'])).toEqual(['late']);
    await other.destroy();
  });
});
