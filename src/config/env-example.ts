import type { z } from 'zod';
import { RESERVED_VARIABLES, variables, type VariableName } from './variables.js';

const HEADER = `# Every variable of nest-bulwark, each with what it is when unset. Copy to .env and uncomment what you change.
# NAME_FILE=/path reads the value of NAME from a file. Durations and sizes carry a unit: 15m, 200ms, 1mb.
`;

function defaultOf(schema: z.ZodType): string {
  const definition = schema.def as { type: string; defaultValue?: unknown };
  return definition.type === 'prefault' ? String(definition.defaultValue) : '';
}

/** The text of `.env.example`, made from the schema so that the two cannot differ. */
export function renderEnvExample(): string {
  const entries = Object.entries(variables.shape).map(([name, schema]) => {
    const reserved = RESERVED_VARIABLES.includes(name as VariableName) ? ' (Reserved: nothing reads it yet.)' : '';
    return `# ${schema.description ?? ''}${reserved}\n#${name}=${defaultOf(schema)}\n`;
  });
  return [HEADER, ...entries].join('\n');
}
