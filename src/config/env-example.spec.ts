import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { renderEnvExample } from './env-example.js';
import { loadConfig } from './load-config.js';
import { VARIABLE_NAMES } from './variables.js';

describe('.env.example', () => {
  // To update the file after a change of the schema: npx vitest run src/config -u
  it('matches the schema', async () => {
    await expect(renderEnvExample()).toMatchFileSnapshot('../../.env.example');
  });

  it('sets no variable, because all its lines are comments', () => {
    expect(parseEnv(renderEnvExample())).toEqual({});
  });

  it('shows the default of every variable', () => {
    const uncommented = parseEnv(renderEnvExample().replace(/^#(?=[A-Z_]+=)/gm, ''));
    expect(new Set(Object.keys(uncommented))).toEqual(new Set(VARIABLE_NAMES));
    expect(loadConfig(uncommented).config).toEqual(loadConfig({}).config);
  });
});
