import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A tenant: the users of one customer and their data. @publicApi */
@Entity('tenants', { synchronize: false })
export class Tenant {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  /** The request with an idempotency key that created the tenant. */
  @Column('uuid', { name: 'operation_id', nullable: true, select: false })
  operationId?: string | null;
}

/** The membership of a user in a tenant, with the user's roles there. @publicApi */
@Entity('tenant_members', { synchronize: false })
export class TenantMember {
  @PrimaryColumn('uuid', { name: 'tenant_id' })
  tenantId!: string;

  @PrimaryColumn('uuid', { name: 'user_id' })
  userId!: string;

  /** Roles of `scope: 'tenant'`. */
  @Column('text', { array: true })
  roles!: string[];

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
