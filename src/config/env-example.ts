import { defaultOf, RESERVED_VARIABLES, VARIABLE_NAMES, variables } from './variables.js';

const HEADER = `# Every variable of nest-bulwark, each with what it is when unset. Copy to .env and uncomment what you change.
# NAME_FILE=/path reads the value of NAME from a file. Durations and sizes carry a unit: 15m, 200ms, 1mb.
`;

/** The text of `.env.example`, made from the schema so that the two cannot differ. */
export function renderEnvExample(): string {
  const entries = VARIABLE_NAMES.map((name) => {
    const reserved = RESERVED_VARIABLES.includes(name) ? ' (Reserved: nothing reads it yet.)' : '';
    return `# ${variables.shape[name].description ?? ''}${reserved}\n#${name}=${defaultOf(name) ?? ''}\n`;
  });
  return [HEADER, ...entries].join('\n');
}
