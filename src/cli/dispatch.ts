import { parseArgs } from 'node:util';
import { explainError } from '../exit.js';
import { UsageError, type Command, type CommandOptions } from './command.js';
import type { CommandEntry } from './commands.js';

const PROGRAM = 'nest-bulwark';

/** Output of the command line. Each call writes one or more lines. */
export interface CommandOutput {
  out(text: string): void;
  err(text: string): void;
}

export interface CommandLine {
  readonly commands: Readonly<Record<string, CommandEntry>>;
  readonly version: string;
}

/** Finds the command, parses its options, runs it and returns the exit code. */
export async function dispatch(
  args: readonly string[],
  { commands, version }: CommandLine,
  output: CommandOutput,
): Promise<number> {
  const say = (text: string) => {
    output.out(text);
    return 0;
  };
  const name = findCommandName(args, commands);
  try {
    if (name === undefined) {
      const [first = '--help'] = args;
      if (first === '--help' || first === '-h' || first === 'help') return say(formatOverview(commands));
      if (first === '--version') return say(version);
      throw new UsageError(`There is no command "${args.join(' ')}".\n\n${formatOverview(commands)}`);
    }
    const entry = commands[name] as CommandEntry;
    const rest = args.slice(name.split(' ').length);
    const { command } = await entry.load();
    if (rest.includes('--help') || rest.includes('-h')) return say(formatHelp(name, entry.summary, command));
    return await command.run(parseOptions(name, rest, command.options) as never);
  } catch (error) {
    const { message, code } = explainError(error);
    output.err(error instanceof UsageError ? message : `\n${PROGRAM} ${name} failed.\n${message}`);
    return code;
  }
}

/** Finds the command name. It has one or two words; the longest match is used. */
function findCommandName(args: readonly string[], commands: CommandLine['commands']): string | undefined {
  return [args.slice(0, 2), args.slice(0, 1)]
    .map((words) => words.join(' '))
    .find((words) => Object.hasOwn(commands, words));
}

function parseOptions(name: string, args: readonly string[], options: CommandOptions): object {
  let values: Record<string, unknown>;
  const operands = Object.keys(options).filter((option) => options[option]?.positional);
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: operands.length > 0 });
    values = { ...parsed.values, ...assignOperands(parsed.positionals, operands, options) };
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nSee ${PROGRAM} ${name} --help`);
  }
  const missing = Object.entries(options).filter(([option, { required }]) => required && values[option] === undefined);
  if (missing.length === 0) return values;
  const names = missing.map(([option, { positional, argument = 'VALUE' }]) => (positional ? argument : `--${option}`));
  throw new UsageError(`${names.join(', ')} is missing.\nSee ${PROGRAM} ${name} --help`);
}

/** Assigns the values without a name to the positional options, in order. */
function assignOperands(values: readonly string[], operands: readonly string[], options: CommandOptions): object {
  const last = operands.at(-1);
  const takesAll = last !== undefined && options[last]?.multiple === true;
  const surplus = takesAll ? undefined : values[operands.length];
  if (surplus !== undefined) throw new Error(`Unexpected argument '${surplus}'.`);
  const single = takesAll ? operands.slice(0, -1) : operands;
  const rest = values.slice(single.length);
  return {
    ...Object.fromEntries(values.slice(0, single.length).map((value, i) => [single[i], value])),
    ...(takesAll && rest.length > 0 && { [last]: rest }),
  };
}

function formatOverview(commands: CommandLine['commands']): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    `Usage: ${PROGRAM} <command> [options]`,
    '',
    ...formatColumns(rows),
    '',
    `${PROGRAM} <command> --help shows the options of a command. Commands read the same environment as the application.`,
  ].join('\n');
}

function formatHelp(name: string, summary: string, { options, details }: Command): string {
  const rows = Object.entries(options).map(([option, { type, short, description, argument = 'VALUE', ...rest }]) => {
    const value = type === 'string' ? ` ${argument}` : '';
    const written = rest.positional
      ? operandName(argument, rest.multiple)
      : `${short ? `-${short}, ` : ''}--${option}${value}`;
    return [written, `${description}${rest.required ? ' (required)' : ''}`] as const;
  });
  const operands = Object.values(options).filter(({ positional }) => positional);
  const usage = operands.map(({ argument = 'VALUE', required, multiple }) => {
    const written = operandName(argument, multiple);
    return required ? ` ${written}` : ` [${written}]`;
  });
  return [
    `Usage: ${PROGRAM} ${name}${usage.join('')}${rows.length > operands.length ? ' [options]' : ''}`,
    '',
    `${summary}.${details ? ` ${details}` : ''}`,
    ...(rows.length > 0 ? ['', ...formatColumns(rows)] : []),
  ].join('\n');
}

const operandName = (argument: string, multiple = false) => (multiple ? `${argument}...` : argument);

function formatColumns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
