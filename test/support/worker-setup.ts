import 'reflect-metadata';
import { afterAll, vi } from 'vitest';
import { forgetTestDatabase } from './database.js';

// Test files of one worker share its process. Data of one file must not affect the next file.
const environment = { ...process.env };

afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  forgetTestDatabase();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
