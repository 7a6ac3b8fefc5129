/** One option of a command: how `node:util` parses it, and its description in the help. */
export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** Text for the help. */
  readonly description: string;
  /** Placeholder of the value in the help, such as `ADDRESS`. @default VALUE */
  readonly argument?: string;
  /** Whether the command needs the option. @default false */
  readonly required?: boolean;
  /** Whether the value is passed without the option's name. @default false */
  readonly positional?: boolean;
  /** Whether it takes all further values. Only for the last positional option. @default false */
  readonly multiple?: boolean;
}

export type CommandOptions = Readonly<Record<string, CommandOption>>;

type ValueOf<O extends CommandOption> = O['multiple'] extends true
  ? readonly string[]
  : O['type'] extends 'string'
    ? string
    : boolean;

/** The parsed options. Only required options are always present. */
export type CommandValues<O extends CommandOptions> = {
  [K in keyof O as O[K]['required'] extends true ? K : never]: ValueOf<O[K]>;
} & { [K in keyof O as O[K]['required'] extends true ? never : K]?: ValueOf<O[K]> };

/** The implementation of a command. Its file exports it as `command`. */
export interface Command {
  readonly options: CommandOptions;
  /** Further text for the help, after the summary. */
  readonly details?: string;
  /** Resolves with the exit code. If it throws, the error's message is printed and its `exitCode` is used. */
  run(values: never): Promise<number>;
}

/** Returns the command. It lets TypeScript infer the types of the values from the options. */
export function defineCommand<const O extends CommandOptions>(
  command: Command & { readonly options: O; run(values: CommandValues<O>): Promise<number> },
): Command {
  return command;
}

/** The command line is wrong (EX_USAGE of sysexits.h). */
export class UsageError extends Error {
  readonly exitCode = 64;
}
