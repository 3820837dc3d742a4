import { userInfo } from 'node:os'
import { maskPasskey } from '../../bittorrent/passkey.ts'
import { rootMessage } from '../../runtime/errors.ts'
import { PasskeysRefused } from './passkeyErrors.ts'

/** One change of the whitelist, done or not, or one look at all of it. Holds no passkey. */
export interface PasskeyAudit {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly action: 'add' | 'remove' | 'import' | 'replace' | 'export'
  /** Who did it. */
  readonly actor: string
  /** Masked passkeys, or how many there are. */
  readonly subject: string
  readonly result: 'done' | 'refused' | 'failed'
  /** Counts, or the reason. */
  readonly details: { readonly [name: string]: number | string | boolean }
}

export interface AuditTrail {
  readonly actor: string
  /** Must not throw. */
  readonly audit: (entry: PasskeyAudit) => void
}

const NAMED_AT_MOST = 10

/** A few passkeys one by one, many as a number. */
export function subjectOf(passkeys: readonly string[]): string {
  if (passkeys.length > NAMED_AT_MOST) return `${passkeys.length} passkeys`
  return passkeys.map(maskPasskey).join(' ')
}

/** Does the work and records how it ended: its counts, or the error, which is thrown on. */
export async function withAudit<T extends object>(
  { actor, audit }: AuditTrail,
  what: Pick<PasskeyAudit, 'action' | 'subject'>,
  work: () => Promise<T>,
): Promise<T> {
  const record = (result: PasskeyAudit['result'], details: PasskeyAudit['details']) =>
    audit({ time: new Date().toISOString(), ...what, actor, result, details })
  try {
    const outcome = await work()
    record('done', { ...outcome } as PasskeyAudit['details'])
    return outcome
  } catch (error) {
    const isRefused = error instanceof PasskeysRefused
    const [reason = ''] = (isRefused ? error.message : rootMessage(error)).split('\n')
    record(isRefused ? 'refused' : 'failed', { reason })
    throw error
  }
}

/** The user of this process; its number where it has no name, as in many containers. */
export function systemUser(): string {
  try {
    return userInfo().username
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== 'uv_os_get_passwd') throw error
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
