import { describe, expect, it } from 'vitest';
import { defineCommand } from './command.js';
import { dispatch } from './dispatch.js';

const greet = defineCommand({
  options: {
    name: { type: 'string', short: 'n', argument: 'NAME', description: 'who is greeted', required: true },
    loud: { type: 'boolean', description: 'shouts' },
  },
  run: async ({ name, loud }) => {
    if (name === 'nobody') throw Object.assign(new Error('there is nobody'), { exitCode: 69 });
    return loud ? name.length : 0;
  },
});

const visit = defineCommand({
  options: {
    place: { type: 'string', positional: true, argument: 'PLACE', description: 'where to', required: true },
    fast: { type: 'boolean', description: 'runs' },
  },
  run: async ({ place }) => place.length,
});

const collect = defineCommand({
  options: {
    kind: { type: 'string', positional: true, argument: 'KIND', description: 'of what', required: true },
    things: {
      type: 'string',
      positional: true,
      multiple: true,
      argument: 'THING',
      description: 'what',
      required: true,
    },
  },
  run: async ({ kind, things }) => kind.length * 10 + things.length,
});

async function run(...args: string[]) {
  const said = { out: '', err: '' };
  const commands = {
    greet: { summary: 'Greet somebody', load: () => Promise.resolve({ command: greet }) },
    visit: { summary: 'Visit a place', load: () => Promise.resolve({ command: visit }) },
    collect: { summary: 'Collect things', load: () => Promise.resolve({ command: collect }) },
    'greet all': {
      summary: 'Greet everybody',
      load: () => Promise.resolve({ command: { options: {}, run: async () => 7 } }),
    },
  };
  const output = { out: (text: string) => void (said.out += text), err: (text: string) => void (said.err += text) };
  return { code: await dispatch(args, { commands, version: '1.2.3' }, output), ...said };
}

describe('the command line', () => {
  it('runs a command with its options and returns its exit code', async () => {
    expect(await run('greet', '--name', 'Ada')).toEqual({ code: 0, out: '', err: '' });
    expect((await run('greet', '-n', 'Ada', '--loud')).code).toBe(3);
  });

  it('uses the longer name if two command names match', async () => {
    expect((await run('greet', 'all')).code).toBe(7);
  });

  it.each([[[]], [['--help']], [['-h']], [['help']]])('lists the commands for %j', async (args) => {
    const { code, out } = await run(...args);
    expect(code).toBe(0);
    expect(out).toContain(
      '  greet      Greet somebody\n  visit      Visit a place\n  collect    Collect things\n  greet all  Greet everybody\n',
    );
  });

  it('passes all further values to an option that takes several', async () => {
    expect((await run('collect', 'cats', 'tom', 'kit')).code).toBe(42);
    expect(await run('collect', 'cats')).toMatchObject({ code: 64, err: expect.stringContaining('THING is missing') });
    expect((await run('collect', '--help')).out).toContain('Usage: nest-bulwark collect KIND THING...\n');
  });

  it('prints the help of one command', async () => {
    const { code, out } = await run('greet', '--help');
    expect([code, out]).toEqual([
      0,
      [
        'Usage: nest-bulwark greet [options]',
        '',
        'Greet somebody.',
        '',
        '  -n, --name NAME  who is greeted (required)',
        '  --loud           shouts',
      ].join('\n'),
    ]);
  });

  it('accepts a positional argument', async () => {
    expect((await run('visit', 'Rome', '--fast')).code).toBe(4);
    const { out } = await run('visit', '--help');
    expect(out).toContain('Usage: nest-bulwark visit PLACE [options]');
    expect(out).toContain('  PLACE   where to (required)');
  });

  it('prints its version', async () => {
    expect(await run('--version')).toEqual({ code: 0, out: '1.2.3', err: '' });
  });

  it.each([
    [['great'], 'There is no command "great".'],
    [['toString'], 'There is no command "toString".'],
    [['greet'], '--name is missing.\nSee nest-bulwark greet --help'],
    [['greet', '--nmae', 'x'], "Unknown option '--nmae'"],
    [['greet', '--name', 'x', 'y'], "Unexpected argument 'y'"],
    [['visit'], 'PLACE is missing.'],
    [['visit', 'Rome', 'Paris'], "Unexpected argument 'Paris'"],
  ])('rejects %j with exit code 64', async (args, message) => {
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain(message);
  });

  it('prints the error of a command and returns its exit code', async () => {
    const { code, err } = await run('greet', '--name', 'nobody');
    expect([code, err]).toEqual([69, '\nnest-bulwark greet failed.\nthere is nobody']);
  });
});
