import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  readonly certPath: string
  readonly keyPath: string
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface CertificateAuthority {
  /** What clients have to trust. */
  readonly caPath: string
  readonly ca: string
  /** A certificate with this common name, for `localhost` and both loopback addresses. Each has a folder of its own. */
  issue(commonName: string): Certificate
}

/** A private certificate authority in this folder, by openssl, whose certificates are good for a day. */
export function createCa(folder: string): CertificateAuthority {
  const caPath = join(folder, 'ca.crt')
  const caKeyPath = join(folder, 'ca.key')
  const newKey = (keyPath: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    keyPath,
  ]
  openssl(['req', '-x509', ...newKey(caKeyPath), '-out', caPath, '-subj', '/CN=test authority', '-days', '1'])
  return {
    caPath,
    ca: readFileSync(caPath, 'utf8'),
    issue(commonName) {
      const own = mkdtempSync(join(folder, 'certificate-'))
      const [certPath, keyPath, requestPath, extensionsPath] = ['crt', 'key', 'csr', 'ext'].map((ending) =>
        join(own, `tls.${ending}`),
      ) as [string, string, string, string]
      writeFileSync(extensionsPath, 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n')
      openssl(['req', ...newKey(keyPath), '-out', requestPath, '-subj', `/CN=${commonName}`])
      openssl([
        ...['x509', '-req', '-in', requestPath, '-out', certPath, '-days', '1', '-extfile', extensionsPath],
        ...['-CA', caPath, '-CAkey', caKeyPath, '-CAcreateserial'],
      ])
      const [cert, key] = [certPath, keyPath].map((path) => readFileSync(path, 'utf8')) as [string, string]
      return { certPath, keyPath, cert, key }
    },
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
