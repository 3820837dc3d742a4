import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { value } from './values.ts'

/** Certificates of authorities, as read from disk. */
export interface CaFile {
  readonly path: string
  readonly pem: string
}

/** The path of a PEM file with at least one certificate; it is read at once, so that a wrong one is found at the start. */
export const caFile = value(
  (raw): CaFile => {
    const path = String(raw)
    let pem: string
    try {
      pem = readFileSync(path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new RangeError(code === 'ENOENT' ? 'is no such file' : `cannot be read (${code})`)
    }
    if (!isCertificate(pem)) throw new RangeError('holds no certificate in PEM form')
    return { path, pem }
  },
  ({ path }) => path,
)

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false // what the parser has to say may repeat the file
  }
}
