import 'reflect-metadata';
import { afterAll, vi } from 'vitest';
import { forgetTestDatabase } from './database.js';

// Test files of one worker share its process: what one of them leaves behind must not reach the next.
const environment = { ...process.env };

afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  forgetTestDatabase();
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});
