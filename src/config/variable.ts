import type { z } from 'zod';
import type { SecretUse } from './secrets.js';

/** Everything about one environment variable. */
interface Definition<T, Default, Setting> {
  /** Parses the text. */
  readonly schema: z.ZodType<T>;
  /** Value when unset, in the notation of the variable. Without one, an unset variable is undefined. */
  readonly default?: Default;
  /** One line for `.env.example` and for error messages. */
  readonly description: string;
  /** The secrets in the value. Production refuses weak ones. */
  readonly secret?: SecretUse;
  /** Path of the value in AppConfig. Without one, only rules and `DERIVED_SETTINGS` read the variable. */
  readonly setting?: Setting;
  /** Nothing reads the variable yet. A start that sets it warns. */
  readonly isReserved?: boolean;
}

export interface Variable<T, Setting extends string> {
  readonly schema: z.ZodType<T>;
  readonly default: string | undefined;
  readonly description: string;
  readonly secret: SecretUse | undefined;
  readonly setting: Setting | undefined;
  readonly isReserved: boolean;
}

/** Declares one environment variable. */
export function variable<T, Default extends string | undefined = undefined, Setting extends string = never>(
  definition: Definition<T, Default, Setting>,
): Variable<Default extends string ? T : T | undefined, Setting> {
  const { schema, default: fallback, secret, setting, isReserved = false, description } = definition;
  const whole = fallback === undefined ? schema.optional() : schema.prefault(fallback);
  return {
    schema: whole as z.ZodType<Default extends string ? T : T | undefined>,
    default: fallback,
    description,
    secret,
    setting,
    isReserved,
  };
}
