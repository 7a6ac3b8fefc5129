import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** A workspace: people of one customer, and what belongs to them. */
@Entity('tenants')
export class Tenant {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}

/** That a user belongs to a tenant, and as what. */
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
