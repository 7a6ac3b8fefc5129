import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A tenant: the users of one customer and their data. */
@Entity('tenants')
export class Tenant {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}

/** The membership of a user in a tenant, with the user's roles there. */
@Entity('tenant_members')
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
