import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createAuthOptions } from '../from-environment.js';
import { AuditModule } from '../audit/index.js';
import { AdministratorsService, AuthModule } from '../auth/index.js';
import { AuthorizationModule } from '../authorization/index.js';
import { ProblemException, type FieldError } from '../problem/index.js';
import { loadConfig, readEnvironment, type AppConfig } from '../config/index.js';
import { DatabaseModule, stopEmbeddedServers } from '../database/index.js';
import { migrations } from '../migrations.js';
import { RedisModule } from '../redis/index.js';
import { defineCommand, UsageError } from './command.js';

const EMAIL = /^[^\s@]+@[^\s@]+$/;

export const command = defineCommand({
  options: {
    email: {
      type: 'string',
      argument: 'ADDRESS',
      description: 'address that the administrator logs in with',
      required: true,
    },
    name: { type: 'string', argument: 'NAME', description: 'name of the administrator' },
    role: { type: 'string', argument: 'ROLE', description: 'role instead of Admin. It must inherit Admin' },
    'password-stdin': { type: 'boolean', description: 'reads the password from standard input' },
    'generate-password': { type: 'boolean', description: 'creates a random password and prints it once' },
  },
  details:
    'Use one of the two password options. A password as an argument would be visible to all users of the machine.',
  async run({ email, name, role, 'password-stdin': fromStdin = false, 'generate-password': generate = false }) {
    if (!EMAIL.test(email)) throw new UsageError(`"${email}" is not an email address.`);
    if (fromStdin === generate) throw new UsageError('Pass either --password-stdin or --generate-password.');
    const { config } = loadConfig(readEnvironment());
    const password = generate
      ? randomBytes(18).toString('base64url')
      : (await text(process.stdin)).replace(/\r?\n$/, '');
    await create(config, {
      email,
      password,
      ...(name !== undefined && { name }),
      ...(role !== undefined && { roles: [role] }),
    });
    console.log(`created the administrator ${email}${generate ? `\npassword: ${password}` : ''}`);
    return 0;
  },
});

/** The modules that are needed to create an audited account by the rules of the application, without an HTTP server. */
@Module({})
class AccountsModule {
  static forRoot(config: AppConfig): DynamicModule {
    // The start of the application creates the administrator of the environment, so this command does not.
    const { admin: _admin, ...auth } = createAuthOptions(config);
    return {
      module: AccountsModule,
      imports: [
        DatabaseModule.forRoot({ ...config.database, migrations }),
        RedisModule.forRoot(config.redis),
        ...(config.authorization.rolesFile === undefined ? [] : [AuthorizationModule.forRoot(config.authorization)]),
        AuthModule.forRoot(auth),
        AuditModule.forRoot(config.audit),
      ],
    };
  }
}

async function create(config: AppConfig, admin: Parameters<AdministratorsService['create']>[0]): Promise<void> {
  let context;
  try {
    context = await NestFactory.createApplicationContext(AccountsModule.forRoot(config), {
      logger: ['error', 'fatal'],
      abortOnError: false,
    });
    await context.get(AdministratorsService).create(admin);
  } catch (error) {
    throw error instanceof ProblemException ? new RefusedError(error) : error;
  } finally {
    await context?.close();
    await stopEmbeddedServers();
  }
}

/** The account cannot be created with these values (EX_DATAERR of sysexits.h). */
class RefusedError extends Error {
  readonly exitCode = 65;

  constructor({ detail, extensions }: ProblemException) {
    const errors = (extensions['errors'] ?? []) as readonly FieldError[];
    super([detail, ...errors.map(({ message }) => message)].join('\n'));
  }
}
