import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

export interface PrivateCa {
  /** Where its certificate is, in PEM form. */
  readonly path: string
  readonly pem: string
  /** A certificate for a name or an address of this machine, and its key, in PEM form. */
  issue(subjectAltName: string): { readonly cert: string; readonly key: string }
}

/** An authority that nobody trusts who is not told to. Its folder goes after the file's last test. */
export function createPrivateCa(): PrivateCa {
  const folder = mkdtempSync(join(tmpdir(), 'redswarm-ca-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe', cwd: folder })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
  )
  let issued = 0
  return {
    path: at('ca.crt'),
    pem: readFileSync(at('ca.crt'), 'utf8'),
    issue(subjectAltName) {
      const name = `server${++issued}`
      writeFileSync(at(`${name}.ext`), `subjectAltName=${subjectAltName}\n`)
      openssl(
        'req',
        '-new',
        ...newKey,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      )
      const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`]
      openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-days', '2', '-out', `${name}.crt`)
      return { cert: readFileSync(at(`${name}.crt`), 'utf8'), key: readFileSync(at(`${name}.key`), 'utf8') }
    },
  }
}
