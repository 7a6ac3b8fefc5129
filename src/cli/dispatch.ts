import { parseArgs } from 'node:util';
import { explain } from '../exit.js';
import { UsageError, type Command, type CommandOptions } from './command.js';
import type { CommandEntry } from './commands.js';

const PROGRAM = 'nest-bulwark';

/** Where a command line writes to; each call is a line or more. */
export interface CommandOutput {
  out(text: string): void;
  err(text: string): void;
}

export interface CommandLine {
  readonly commands: Readonly<Record<string, CommandEntry>>;
  readonly version: string;
}

/** Finds the command, parses its options, runs it, and answers with the exit code. */
export async function dispatch(
  args: readonly string[],
  { commands, version }: CommandLine,
  output: CommandOutput,
): Promise<number> {
  const say = (text: string) => {
    output.out(text);
    return 0;
  };
  const name = longestName(args, commands);
  try {
    if (name === undefined) {
      const [first = '--help'] = args;
      if (first === '--help' || first === '-h' || first === 'help') return say(overview(commands));
      if (first === '--version') return say(version);
      throw new UsageError(`There is no command "${args.join(' ')}".\n\n${overview(commands)}`);
    }
    const entry = commands[name] as CommandEntry;
    const rest = args.slice(name.split(' ').length);
    const { command } = await entry.load();
    if (rest.includes('--help') || rest.includes('-h')) return say(helpOf(name, entry.summary, command));
    return await command.run(parse(name, rest, command.options) as never);
  } catch (error) {
    const { message, code } = explain(error);
    output.err(error instanceof UsageError ? message : `\n${PROGRAM} ${name} failed.\n${message}`);
    return code;
  }
}

/** Names have one word or two; the longer one that fits is meant. */
function longestName(args: readonly string[], commands: CommandLine['commands']): string | undefined {
  return [args.slice(0, 2), args.slice(0, 1)]
    .map((words) => words.join(' '))
    .find((words) => Object.hasOwn(commands, words));
}

function parse(name: string, args: readonly string[], options: CommandOptions): object {
  let values: Record<string, unknown>;
  const operands = Object.keys(options).filter((option) => options[option]?.positional);
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: operands.length > 0 });
    const surplus = parsed.positionals[operands.length];
    if (surplus !== undefined) throw new Error(`Unexpected argument '${surplus}'.`);
    values = { ...parsed.values, ...Object.fromEntries(parsed.positionals.map((value, i) => [operands[i], value])) };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nSee ${PROGRAM} ${name} --help`);
  }
  const missing = Object.entries(options).filter(([option, { required }]) => required && values[option] === undefined);
  if (missing.length === 0) return values;
  const names = missing.map(([option, { positional, argument = 'VALUE' }]) => (positional ? argument : `--${option}`));
  throw new UsageError(`${names.join(', ')} is missing.\nSee ${PROGRAM} ${name} --help`);
}

function overview(commands: CommandLine['commands']): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    `Usage: ${PROGRAM} <command> [options]`,
    '',
    ...columns(rows),
    '',
    `${PROGRAM} <command> --help tells more. The environment is read as by the application.`,
  ].join('\n');
}

function helpOf(name: string, summary: string, { options, details }: Command): string {
  const rows = Object.entries(options).map(([option, { type, short, describes, argument = 'VALUE', ...rest }]) => {
    const value = type === 'string' ? ` ${argument}` : '';
    const written = rest.positional ? argument : `${short ? `-${short}, ` : ''}--${option}${value}`;
    return [written, `${describes}${rest.required ? ' (required)' : ''}`] as const;
  });
  const operands = Object.values(options).filter(({ positional }) => positional);
  const usage = operands.map(({ argument = 'VALUE', required }) => (required ? ` ${argument}` : ` [${argument}]`));
  return [
    `Usage: ${PROGRAM} ${name}${usage.join('')}${rows.length > operands.length ? ' [options]' : ''}`,
    '',
    `${summary}.${details ? ` ${details}` : ''}`,
    ...(rows.length > 0 ? ['', ...columns(rows)] : []),
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
