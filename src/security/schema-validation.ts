import type { ArgumentMetadata } from '@nestjs/common';
import { ProblemException, type FieldError } from '../problem/index.js';

/** A schema of any library that keeps to https://standardschema.dev, such as zod and valibot. @publicApi */
export type StandardSchema = NonNullable<ArgumentMetadata['schema']>;

/** What a value is once the schema has accepted it: `@Body({ schema }) body: SchemaOutput<typeof schema>`. @publicApi */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/** A body of ten thousand wrong fields shall not be answered with ten thousand errors. */
export const MAXIMUM_ERRORS = 50;
export const MAXIMUM_PATH = 200;
const MAXIMUM_MESSAGE = 200;

/** Code and words of fields that nobody asked for, whichever library found them. */
export const UNKNOWN_FIELD = { code: 'whitelistValidation', message: 'the field is not known' };

/** What libraries tell beside what the standard asks for. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** zod: the kind of the issue, and for unknown keys their names. */
  readonly code?: unknown;
  readonly keys?: readonly string[];
  /** valibot: the kind of the issue, what was to be there, and what was. */
  readonly type?: unknown;
  readonly expected?: unknown;
  readonly received?: unknown;
}

/**
 * The value that the schema makes of the given one.
 *
 * @param field name of the field, where the value is only one of a body or query
 * @throws ProblemException `VALIDATION_FAILED`
 */
export async function validatedBy(schema: StandardSchema, value: unknown, field?: string): Promise<unknown> {
  const checked = schema['~standard'].validate(value);
  const result = checked instanceof Promise ? await checked : checked;
  if (!result.issues) return result.value;
  throw validationProblem((result.issues as readonly Issue[]).flatMap((issue) => fieldErrors(issue, field)));
}

export function validationProblem(errors: FieldError[]): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'Correct the fields named in "errors".', {
    errors: errors.slice(0, MAXIMUM_ERRORS),
  });
}

function fieldErrors(issue: Issue, field: string | undefined): FieldError[] {
  const path = [...(field === undefined ? [] : [field]), ...(issue.path ?? []).map(segmentOf)];
  if (issue.code === 'unrecognized_keys' && issue.keys) {
    return issue.keys.slice(0, MAXIMUM_ERRORS).map((key) => ({ path: pathOf([...path, key]), ...UNKNOWN_FIELD }));
  }
  if (issue.type === 'strict_object' && issue.expected === 'never') return [{ path: pathOf(path), ...UNKNOWN_FIELD }];
  return [{ path: pathOf(path), code: codeOf(issue), message: messageOf(issue) }];
}

function segmentOf(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}

function pathOf(segments: readonly string[]): string {
  return segments.join('.').slice(0, MAXIMUM_PATH);
}

function codeOf({ code, type }: Issue): string {
  const kind = code ?? type;
  return typeof kind === 'string' ? kind : 'invalid';
}

/** valibot repeats the value in its message, and a value may be a password. */
function messageOf({ message, received, expected }: Issue): string {
  const isRepeated = typeof received === 'string' && received !== '' && message.includes(received);
  const text = isRepeated ? `expected ${typeof expected === 'string' ? expected : 'another value'}` : message;
  return text.slice(0, MAXIMUM_MESSAGE);
}
