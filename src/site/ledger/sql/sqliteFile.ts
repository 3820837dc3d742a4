import { chmodSync, closeSync, openSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { unescaped } from './dialect.ts'

export const IN_MEMORY = ':memory:'

/** Others than the owner who may read the file. */
const READABLE_BY_OTHERS = 0o044
const OWNER_ONLY = 0o600
/** With less than this beside it, a failed write of a SQLite file has no other likely cause. */
const FULL_BELOW_BYTES = 1024 * 1024

/** The write-ahead log is copied into the file after this share of the volume, between the two bounds. */
const LOG_SHARE = 1 / 32
const LEAST_LOG_BYTES = 1024 * 1024
const MOST_LOG_BYTES = 256 * 1024 * 1024

/** Room on the volume of a file. */
export interface VolumeRoom {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** Throws Error with one line for a URL that is none of SQLite's. */
export function sqlitePath(url: string): string {
  if (url === 'sqlite::memory:') return IN_MEMORY
  const [, path] = /^sqlite:\/\/(\/[^?#]+)$/i.exec(url) ?? []
  if (path === undefined)
    throw new Error('a SQLite database is sqlite:///path/to/file, with an absolute path')
  return unescaped(path)
}

/**
 * Creates a SQLite file that only its owner may read, whatever the umask: it holds every passkey. SQLite gives the files that
 * it creates beside it (`-wal`, `-shm`) the same mode. A file that exists keeps its mode.
 *
 * @returns a warning when others may read a file that exists
 */
export function createPrivateFile(path: string): string | undefined {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY))
    chmodSync(path, OWNER_ONLY) // a umask can only take away, and may have taken the owner's own rights
    return undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return undefined // SQLite says why it cannot be opened
    return warningOfMode(path)
  }
}

/** @returns undefined when only the owner may read the file, and when it is no file */
export function warningOfMode(path: string): string | undefined {
  const about = statSync(path, { throwIfNoEntry: false })
  if (!about?.isFile() || (about.mode & READABLE_BY_OTHERS) === 0) return undefined
  const mode = (about.mode & 0o777).toString(8)
  return `${path} has mode 0${mode}: others on this machine can read every passkey in it; chmod 600 ${path} ends that`
}

/** @returns undefined where the system does not say */
export function roomBeside(path: string): VolumeRoom | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(dirname(path))
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    return undefined
  }
}

/** How large the write-ahead log may become before it is copied into the file: small on a small volume. */
export function logBytes(room: VolumeRoom | undefined): number {
  const share = room === undefined ? MOST_LOG_BYTES : room.totalBytes * LOG_SHARE
  return Math.round(Math.min(MOST_LOG_BYTES, Math.max(LEAST_LOG_BYTES, share)))
}

/** An error of SQLite that comes from a full disk, in those words: SQLite itself says so only in some cases. Others as they are. */
export function sayDiskFull(error: unknown, path: string): unknown {
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code !== 'string' || !isDiskFull(code, path)) return error
  const text = `the disk is full: ${path} cannot be written (${message})`
  return Object.assign(new Error(text), { code: 'SQLITE_FULL' })
}

function isDiskFull(code: string, path: string): boolean {
  if (code === 'SQLITE_FULL') return true
  if (!code.startsWith('SQLITE_IOERR') && code !== 'SQLITE_CANTOPEN') return false
  const room = roomBeside(path)
  return room !== undefined && room.freeBytes < FULL_BELOW_BYTES
}
