/** One option of a command, as `node:util` parses it, and what the help says of it. */
export interface CommandOption {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** Half a sentence for the help. */
  readonly describes: string;
  /** What stands for the value in the help, such as `ADDRESS`. @default VALUE */
  readonly argument?: string;
  /** Without it the command is not run. */
  readonly required?: boolean;
  /** Stands on the command line without its name. */
  readonly positional?: boolean;
}

export type CommandOptions = Readonly<Record<string, CommandOption>>;

type ValueOf<O extends CommandOption> = O['type'] extends 'string' ? string : boolean;

/** The parsed options: present where required, else perhaps. */
export type CommandValues<O extends CommandOptions> = {
  [K in keyof O as O[K]['required'] extends true ? K : never]: ValueOf<O[K]>;
} & { [K in keyof O as O[K]['required'] extends true ? never : K]?: ValueOf<O[K]> };

/** What stands behind one name on the command line. A command's file exports it as `command`. */
export interface Command {
  readonly options: CommandOptions;
  /** What else there is to know, below the options. */
  readonly details?: string;
  /** Resolves with the exit code. Throws what went wrong: its message is printed, its `exitCode` used. */
  run(values: never): Promise<number>;
}

/** Lets TypeScript work out the values from the options. */
export function defineCommand<const O extends CommandOptions>(
  command: Command & { readonly options: O; run(values: CommandValues<O>): Promise<number> },
): Command {
  return command;
}

/** The command line does not say what is to be done (EX_USAGE of sysexits.h). */
export class UsageError extends Error {
  readonly exitCode = 64;
}
