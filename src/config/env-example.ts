import { VARIABLE_NAMES, VARIABLES } from './variables.js';

const HEADER = `# Every variable of nest-bulwark with its default. Copy this file to .env and uncomment what you change.
# NAME_FILE=/path reads the value of NAME from a file. Durations and sizes carry a unit: 15m, 200ms, 1mb.
`;

/** The text of `.env.example`. It is generated from the declarations, so that they cannot differ. */
export function renderEnvExample(): string {
  const entries = VARIABLE_NAMES.map((name) => {
    const { description, isReserved, default: fallback = '' } = VARIABLES[name];
    const reserved = isReserved ? ' (Reserved: nothing reads it yet.)' : '';
    return `# ${description}${reserved}\n#${name}=${fallback}\n`;
  });
  return [HEADER, ...entries].join('\n');
}
