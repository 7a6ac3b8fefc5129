import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { installed } from './install.js';

/** A certificate authority for one test. Its files are in a folder that the test removes. */
export class CertificateAuthority {
  readonly certificate: string;

  constructor(
    private readonly folder: string,
    private readonly name: string,
  ) {
    installed('openssl');
    this.certificate = this.file('ca.pem');
    this.openssl('req', '-x509', '-days', '2', '-subj', `/CN=${name}`, ...this.newKey('ca'), '-out', this.certificate);
  }

  /** Creates a certificate for a host name, and its key. */
  issue(host: string): { certificate: string; key: string } {
    const certificate = this.file(`${host}.pem`);
    const [request, extensions] = [this.file(`${host}.csr`), this.file(`${host}.ext`)];
    writeFileSync(extensions, `subjectAltName=${isIP(host) === 0 ? 'DNS' : 'IP'}:${host}\n`);
    this.openssl('req', '-new', '-subj', `/CN=${host}`, ...this.newKey(host), '-out', request);
    const signer = ['-CA', this.certificate, '-CAkey', this.file('ca.key'), '-CAcreateserial'];
    this.openssl('x509', '-req', '-days', '2', '-in', request, '-extfile', extensions, ...signer, '-out', certificate);
    return { certificate, key: this.file(`${host}.key`) };
  }

  private newKey(name: string): string[] {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', this.file(`${name}.key`)];
  }

  private file(what: string): string {
    return join(this.folder, `${this.name}-${what}`);
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}
