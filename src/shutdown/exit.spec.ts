import { describe, expect, it } from 'vitest';
import { ConfigError } from '../config/index.js';
import { explainError } from './exit.js';

const systemError = (code: string, port?: number) => Object.assign(new Error(`listen ${code}`), { code, port });

describe('a failed start', () => {
  it('because of a used port returns the port, the remedy and EX_OSERR', () => {
    expect(explainError(systemError('EADDRINUSE', 3000))).toEqual({
      message: 'Port 3000 is in use.\n  → stop the process that uses it, or set PORT',
      code: 71,
    });
  });

  it('because of a privileged port returns the port, the remedy and EX_OSERR', () => {
    expect(explainError(systemError('EACCES', 80))).toEqual({
      message: 'This user may not open port 80.\n  → set PORT to a port above 1023',
      code: 71,
    });
  });

  it('because of an error with an exit code returns its message without a stack', () => {
    const error = new ConfigError([{ variable: 'PORT', cause: 'is wrong', remedy: 'correct it' }]);
    expect(explainError(error)).toEqual({ message: error.message, code: 78 });
  });

  it('because of a table that exists before its migration returns the table, the cause and the remedy', () => {
    const error = Object.assign(new Error('relation "users" already exists'), { code: '42P07' });
    expect(explainError(error)).toEqual({
      message:
        'The database cannot be migrated: relation "users" already exists. It was migrated by an earlier version with ' +
        'other migrations, or it belongs to another application.\n  → delete the folder of the embedded database ' +
        '(DATA_DIR, .data), or set DATABASE_URL to an empty database',
      code: 69,
    });
  });

  it('because of a programming error returns the stack and EX_SOFTWARE', () => {
    const error = new TypeError('x is not a function');
    expect(explainError(error)).toEqual({ message: error.stack, code: 70 });
    expect(explainError(systemError('EACCES'))).toMatchObject({ code: 70 });
    expect(explainError('thrown text')).toEqual({ message: 'thrown text', code: 70 });
  });
});
