import { describe, expect, it } from 'vitest';
import { ConfigError } from './config/index.js';
import { explain } from './exit.js';

const systemError = (code: string, port?: number) => Object.assign(new Error(`listen ${code}`), { code, port });

describe('a failed start', () => {
  it('for a port in use names the port, the remedy and EX_OSERR', () => {
    expect(explain(systemError('EADDRINUSE', 3000))).toEqual({
      message: 'Port 3000 is in use.\n  → stop the process that has it, or set PORT',
      code: 71,
    });
  });

  it('for a port of the system does so too', () => {
    expect(explain(systemError('EACCES', 80))).toEqual({
      message: 'Port 80 may not be opened by this user.\n  → set PORT to one above 1023',
      code: 71,
    });
  });

  it('for a cause that has an exit code of its own shows its message, without a stack', () => {
    const error = new ConfigError([{ variable: 'PORT', cause: 'is wrong', remedy: 'correct it' }]);
    expect(explain(error)).toEqual({ message: error.message, code: 78 });
  });

  it('for a table that exists before its migration names the table, the cause and the remedy', () => {
    const error = Object.assign(new Error('relation "users" already exists'), { code: '42P07' });
    expect(explain(error)).toEqual({
      message:
        'The database cannot be migrated: relation "users" already exists. It was migrated by an earlier version with ' +
        'other migrations, or it belongs to another application.\n  → delete the folder of the embedded database ' +
        '(DATA_DIR, .data), or set DATABASE_URL to an empty database',
      code: 69,
    });
  });

  it('for a defect shows the stack and EX_SOFTWARE', () => {
    const error = new TypeError('x is not a function');
    expect(explain(error)).toEqual({ message: error.stack, code: 70 });
    expect(explain(systemError('EACCES'))).toMatchObject({ code: 70 });
    expect(explain('thrown text')).toEqual({ message: 'thrown text', code: 70 });
  });
});
