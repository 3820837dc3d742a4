import { readFileSync } from 'node:fs'
import type { MachineFacts } from '../facts.ts'

/** Of this machine and this process. Linux tells; elsewhere some of it is undefined. */
export function readMachine(): MachineFacts {
  const limits = textOf('/proc/self/limits')
  const [, soft] = /^Max open files\s+(\S+)/m.exec(limits ?? '') ?? []
  const receive = textOf('/proc/sys/net/core/rmem_max')
  return {
    nodeVersion: process.versions.node,
    openFiles:
      soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft),
    maxReceiveBufferBytes: receive === undefined ? undefined : Number(receive),
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not Linux
  }
}
