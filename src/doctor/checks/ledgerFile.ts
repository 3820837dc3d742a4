import { showBytes } from '../amounts.ts'
import type { LedgerFileFacts } from '../facts.ts'
import { error, type Finding, ok, warning } from '../finding.ts'

/** A full disk stops all credit. */
const SCARCE_BYTES = 64 * 1024 * 1024
const LOW_BYTES = 1024 * 1024 * 1024
/** A small volume is not in need of a gigabyte. */
const LOW_SHARE = 0.1

/** The SQLite file of the consumer: room on its volume, and who may read it. */
export function checkLedgerFile(file: LedgerFileFacts | undefined): Finding[] {
  if (file === undefined) return []
  const { modeWarning } = file
  const room = roomOf(file)
  if (modeWarning === undefined) return [room]
  return [
    room,
    warning('ledger-mode', modeWarning, {
      meaning: 'A passkey is all it takes to announce in a user’s name.',
      remedy: 'Run that chmod, also for the two files beside it (-wal and -shm).',
    }),
  ]
}

function roomOf({ path, freeBytes, totalBytes }: LedgerFileFacts): Finding {
  const what = `${showBytes(freeBytes)} of ${showBytes(totalBytes)} are free for ${path}`
  if (freeBytes >= Math.min(LOW_BYTES, totalBytes * LOW_SHARE)) return ok('ledger-disk', what)
  const advice = {
    meaning:
      'When the disk is full no entry is settled. They wait in the stream, and Redis grows instead. Settling goes on by itself when there is room.',
    remedy: 'Make room, or move the file to a larger volume while the consumer is stopped.',
  }
  return freeBytes < SCARCE_BYTES ? error('ledger-disk', what, advice) : warning('ledger-disk', what, advice)
}
