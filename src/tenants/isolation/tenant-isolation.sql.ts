import type { QueryRunner } from 'typeorm';

/** PostgreSQL setting that holds the tenant of a transaction. */
export const TENANT_SETTING = 'app.tenant_id';

/** The tenant of the transaction. Null if none is set; a comparison with null is never true. */
const CURRENT_TENANT = `NULLIF(current_setting('${TENANT_SETTING}', true), '')::uuid`;

/** @publicApi */
export interface TenantIsolationOptions {
  /** Column of type uuid with the id of the tenant. @default 'tenant_id' */
  column?: string;
  /** Primary key of the table. Foreign keys of other tables refer to this column together with the tenant. @default 'id' */
  key?: string;
}

/**
 * Enables row-level security on a table, so that PostgreSQL isolates the rows of tenants. Call it in the migration that
 * creates the table. A statement can then read and write only rows of the tenant of its transaction. Without a tenant, it
 * finds no rows.
 *
 * The policy is restrictive, so that a policy added later cannot allow more. `FORCE` applies the policy to the owner of
 * the table too, because the application usually is the owner.
 *
 * @publicApi
 */
export async function enableTenantIsolation(
  runner: QueryRunner,
  table: string,
  { column = 'tenant_id', key = 'id' }: TenantIsolationOptions = {},
): Promise<void> {
  const [name, tenant] = [quoteName(table), quoteName(column)];
  const isCurrentTenant = `${tenant} = ${CURRENT_TENANT}`;
  await runner.query(`
    ALTER TABLE ${name}
      ALTER COLUMN ${tenant} SET NOT NULL,
      ALTER COLUMN ${tenant} SET DEFAULT ${CURRENT_TENANT},
      ADD CONSTRAINT ${quoteName(`${removeSchema(table)}_tenant_key`)} UNIQUE (${tenant}, ${quoteName(key)}),
      ENABLE ROW LEVEL SECURITY,
      FORCE ROW LEVEL SECURITY`);
  await runner.query(`CREATE POLICY tenant_access ON ${name} USING (true) WITH CHECK (true)`);
  await runner.query(`
    CREATE POLICY tenant_isolation ON ${name} AS RESTRICTIVE USING (${isCurrentTenant}) WITH CHECK (${isCurrentTenant})`);
}

/** Reverts {@link enableTenantIsolation}. Call it in the `down()` of the migration. @publicApi */
export async function disableTenantIsolation(
  runner: QueryRunner,
  table: string,
  { column = 'tenant_id' }: TenantIsolationOptions = {},
): Promise<void> {
  const name = quoteName(table);
  await runner.query(`DROP POLICY tenant_isolation ON ${name}`);
  await runner.query(`DROP POLICY tenant_access ON ${name}`);
  await runner.query(`
    ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY,
      DROP CONSTRAINT ${quoteName(`${removeSchema(table)}_tenant_key`)},
      ALTER COLUMN ${quoteName(column)} DROP DEFAULT`);
}

/** @publicApi */
export interface TenantReference extends TenantIsolationOptions {
  /** Column that refers to a row of the other table. */
  from: string;
  /** The other table. It must be isolated too. */
  to: string;
  /** @default 'NO ACTION' */
  onDelete?: 'CASCADE' | 'RESTRICT' | 'NO ACTION';
}

/**
 * Adds a foreign key within a tenant. PostgreSQL checks foreign keys without row-level security. An ordinary foreign key
 * would accept the id of a row of another tenant, and so reveal that the row exists.
 *
 * @publicApi
 */
export async function addTenantReference(
  runner: QueryRunner,
  table: string,
  { from, to, column = 'tenant_id', key = 'id', onDelete = 'NO ACTION' }: TenantReference,
): Promise<void> {
  await runner.query(`
    ALTER TABLE ${quoteName(table)} ADD CONSTRAINT ${quoteName(`${removeSchema(table)}_${from}_fkey`)}
      FOREIGN KEY (${quoteName(column)}, ${quoteName(from)}) REFERENCES ${quoteName(to)} (${quoteName(column)}, ${quoteName(key)})
      ON DELETE ${onDelete}`);
}

function quoteName(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}

function removeSchema(table: string): string {
  return table.split('.').at(-1) ?? table;
}
