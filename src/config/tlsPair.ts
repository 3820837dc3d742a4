import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'

/** A certificate with its chain and the key to it, as read from disk. */
export interface TlsPair {
  readonly certPath: string
  readonly keyPath: string
  /** PEM, as are the bytes of the key. */
  readonly cert: string
  /** A secret. */
  readonly key: string
}

/** What is wrong with one of the two files. */
export interface TlsProblem {
  readonly key: 'tls_cert_path' | 'tls_key_path'
  readonly text: string
}

/**
 * Reads both files and tries them as a server would use them.
 *
 * @returns the pair where nothing is wrong; a certificate that is not valid today is only warned about, since an old one
 *   serves those who do not look better than none
 */
export function readTlsPair(
  certPath: string,
  keyPath: string,
  nowMs = Date.now(),
): { pair: TlsPair | undefined; problems: readonly TlsProblem[]; warning: string | undefined } {
  const problems: TlsProblem[] = []
  const attempt = <T>(
    key: TlsProblem['key'],
    wrong: (error: NodeJS.ErrnoException) => string,
    work: () => T,
  ) => {
    try {
      return work()
    } catch (error) {
      problems.push({ key, text: wrong(error as NodeJS.ErrnoException) })
      return undefined
    }
  }
  const read = (key: TlsProblem['key'], path: string) =>
    attempt(
      key,
      ({ code }) => `${path}: ${code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`}`,
      () => readFileSync(path, 'utf8'),
    )
  const cert = read('tls_cert_path', certPath)
  const key = read('tls_key_path', keyPath)
  // What the parsers say may repeat the file, and one of the two is a secret.
  const x509 =
    cert === undefined
      ? undefined
      : attempt(
          'tls_cert_path',
          () => `${certPath} is not a certificate in PEM form`,
          () => new X509Certificate(cert),
        )
  const privateKey =
    key === undefined
      ? undefined
      : attempt(
          'tls_key_path',
          () => `${keyPath} is not a private key in PEM form without a passphrase`,
          () => createPrivateKey(key),
        )
  if (x509 && privateKey && !x509.checkPrivateKey(privateKey))
    problems.push({
      key: 'tls_key_path',
      text: `${keyPath} is not the key to the certificate in ${certPath}`,
    })
  if (cert === undefined || key === undefined || x509 === undefined || problems.length > 0)
    return { pair: undefined, problems, warning: undefined }
  attempt(
    'tls_cert_path',
    ({ code }) => `${certPath} cannot be served (${code ?? 'unknown reason'})`,
    () => createSecureContext({ cert, key }),
  )
  const pair = problems.length === 0 ? { certPath, keyPath, cert, key } : undefined
  return { pair, problems, warning: isValidAt(nowMs, x509) ? undefined : validity(certPath, x509) }
}

function isValidAt(nowMs: number, { validFromDate, validToDate }: X509Certificate): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime()
}

function validity(path: string, { validFrom, validTo }: X509Certificate): string {
  return `${path} is valid from ${validFrom} to ${validTo}, and not today`
}
