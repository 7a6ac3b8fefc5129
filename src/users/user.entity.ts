import { Column, CreateDateColumn, Entity, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** The account roles that this library defines. AuthorizationModule can define more. @publicApi */
export enum Role {
  Admin = 'Admin',
  Developer = 'Developer',
  User = 'User',
}

@Entity('users', { synchronize: false })
export class User {
  @PrimaryColumn('uuid')
  id!: string;

  /** Normalised by `normalizeEmail`; unique. */
  @Column('text')
  email!: string;

  @Column('text')
  name!: string;

  @Column('text', { name: 'password_hash', select: false })
  passwordHash!: string;

  @Column('text', { array: true })
  roles!: string[];

  /** Set while the account is locked by an administrator. */
  @Column('timestamptz', { name: 'locked_at', nullable: true })
  lockedAt!: Date | null;

  /** Set while the account is deactivated by its owner. */
  @Column('timestamptz', { name: 'deactivated_at', nullable: true })
  deactivatedAt!: Date | null;

  /** When the owner confirmed the email address. Null until then. */
  @Column('timestamptz', { name: 'email_verified_at', nullable: true })
  emailVerifiedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
