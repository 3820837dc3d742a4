import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../programs/trackerProcesses.ts'
import { noteSecretsOfUrl } from '../secretsWatch.ts'

/** What BitTorrent clients ask each other for at a time. */
export const BLOCK_BYTES = 16_384

export interface TestTorrent {
  readonly torrentPath: string
  /** Holds the file to be seeded. */
  readonly seedFolder: string
  readonly fileName: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** A file of random bytes and a private torrent of it (BEP 27) by mktorrent. */
export function makeTorrent(announceUrl: string, sizeBytes: number): TestTorrent {
  noteSecretsOfUrl(announceUrl)
  const folder = temporaryFolder()
  const seedFolder = join(folder, 'seed')
  const fileName = 'payload.bin'
  const torrentPath = join(folder, 'payload.torrent')
  const payload = randomBytes(sizeBytes)
  mkdirSync(seedFolder)
  writeFileSync(join(seedFolder, fileName), payload)
  execFileSync('mktorrent', ['-p', '-a', announceUrl, '-o', torrentPath, join(seedFolder, fileName)])
  return { torrentPath, seedFolder, fileName, sizeBytes, sha256: sha256(payload) }
}

export function sha256OfFile(path: string): string {
  return sha256(readFileSync(path))
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
