import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Authentication methods of this package, with the names of the claim `amr` (RFC 8176). @publicApi */
export type AuthenticationMethod = 'pwd' | 'otp' | 'mfa';

/** A login session, with its family of refresh tokens. */
@Entity('auth_sessions', { synchronize: false })
export class Session {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** SHA-256 of the secret part of the current refresh token. */
  @Column('bytea', { name: 'refresh_hash' })
  refreshHash!: Buffer;

  /** SHA-256 of the previous secret. The client that used it may repeat its request for a short time. */
  @Column('bytea', { name: 'previous_hash', nullable: true })
  previousHash!: Buffer | null;

  /** SHA-256 of address and user agent of the client that used the previous token. */
  @Column('bytea', { name: 'rotated_by', nullable: true })
  rotatedBy!: Buffer | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** Time of the login or of the last refresh. */
  @Column('timestamptz', { name: 'last_used_at' })
  lastUsedAt!: Date;

  /** Time of the last login or step-up. */
  @Column('timestamptz', { name: 'authenticated_at' })
  authenticatedAt!: Date;

  /** Methods of the last login or step-up (RFC 8176). */
  @Column('text', { array: true })
  methods!: string[];

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;

  /** User agent of the login, shortened for display. */
  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;

  /** Tenant that the session was last switched to. The membership of the owner is checked elsewhere. */
  @Column('uuid', { name: 'tenant_id', nullable: true })
  tenantId!: string | null;

  /** Address of the last use. */
  @Column('text', { nullable: true })
  address!: string | null;
}
