import type { QueryRunner } from 'typeorm';

/** Setting of a transaction that names its tenant. */
export const TENANT_SETTING = 'app.tenant_id';

/** The tenant of the transaction; null where none is set, and null is equal to nothing. */
const CURRENT_TENANT = `NULLIF(current_setting('${TENANT_SETTING}', true), '')::uuid`;

/** @publicApi */
export interface TenantIsolationOptions {
  /** Column with the id of the tenant, of type uuid. @default 'tenant_id' */
  column?: string;
  /** Primary key of the table, which together with the tenant becomes what other tables may refer to. @default 'id' */
  key?: string;
}

/**
 * Has PostgreSQL itself keep the rows of tenants apart: for a migration that makes a table of theirs. Rows of another
 * tenant are then neither seen nor changed nor written, whatever the statement says, and without a tenant there are none.
 *
 * The policy is a restrictive one, so that no policy that is added later can widen it. `FORCE` makes it hold for the
 * table's owner, which the application usually is.
 *
 * @publicApi
 */
export async function enableTenantIsolation(
  runner: QueryRunner,
  table: string,
  { column = 'tenant_id', key = 'id' }: TenantIsolationOptions = {},
): Promise<void> {
  const [name, tenant] = [quoted(table), quoted(column)];
  const isOwn = `${tenant} = ${CURRENT_TENANT}`;
  await runner.query(`
    ALTER TABLE ${name}
      ALTER COLUMN ${tenant} SET NOT NULL,
      ALTER COLUMN ${tenant} SET DEFAULT ${CURRENT_TENANT},
      ADD CONSTRAINT ${quoted(`${bare(table)}_tenant_key`)} UNIQUE (${tenant}, ${quoted(key)}),
      ENABLE ROW LEVEL SECURITY,
      FORCE ROW LEVEL SECURITY`);
  await runner.query(`CREATE POLICY tenant_access ON ${name} USING (true) WITH CHECK (true)`);
  await runner.query(`
    CREATE POLICY tenant_isolation ON ${name} AS RESTRICTIVE USING (${isOwn}) WITH CHECK (${isOwn})`);
}

/** Takes {@link enableTenantIsolation} back: for the `down()` of a migration. @publicApi */
export async function disableTenantIsolation(
  runner: QueryRunner,
  table: string,
  { column = 'tenant_id' }: TenantIsolationOptions = {},
): Promise<void> {
  const name = quoted(table);
  await runner.query(`DROP POLICY tenant_isolation ON ${name}`);
  await runner.query(`DROP POLICY tenant_access ON ${name}`);
  await runner.query(`
    ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY,
      DROP CONSTRAINT ${quoted(`${bare(table)}_tenant_key`)},
      ALTER COLUMN ${quoted(column)} DROP DEFAULT`);
}

/** @publicApi */
export interface TenantReference extends TenantIsolationOptions {
  /** Column that refers to a row of the other table. */
  from: string;
  /** The other table, isolated as well. */
  to: string;
  /** @default 'NO ACTION' */
  onDelete?: 'CASCADE' | 'RESTRICT' | 'NO ACTION';
}

/**
 * A foreign key that stays within a tenant. PostgreSQL checks foreign keys without row-level security: a plain one
 * would accept the id of another tenant's row, and so tell that it is there.
 *
 * @publicApi
 */
export async function addTenantReference(
  runner: QueryRunner,
  table: string,
  { from, to, column = 'tenant_id', key = 'id', onDelete = 'NO ACTION' }: TenantReference,
): Promise<void> {
  await runner.query(`
    ALTER TABLE ${quoted(table)} ADD CONSTRAINT ${quoted(`${bare(table)}_${from}_fkey`)}
      FOREIGN KEY (${quoted(column)}, ${quoted(from)}) REFERENCES ${quoted(to)} (${quoted(column)}, ${quoted(key)})
      ON DELETE ${onDelete}`);
}

function quoted(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
}

function bare(table: string): string {
  return table.split('.').at(-1) ?? table;
}
