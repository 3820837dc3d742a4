import type { Redis } from 'ioredis'
import { maskPasskey } from '../../bittorrent/passkey.ts'
import { timeText } from '../../runtime/timeText.ts'
import { openLedger } from '../../site/ledger/ledger.ts'
import type { Queue } from '../../site/traffic/consumerGroup.ts'
import {
  findDeadLetter,
  queueKey,
  readDeadLetters,
  type StoredDeadLetter,
} from '../../site/traffic/deadLetters.ts'
import { removeDeadLetters, replayDeadLetters } from '../../site/traffic/replay.ts'
import type { TrafficKeys } from '../../site/traffic/trafficKeys.ts'
import { createProgress } from '../progress.ts'
import { type TrafficPlace, withTraffic } from './options.ts'

export interface DlqOptions {
  readonly failed: boolean
  readonly json: boolean
}

const out = (text: string) => void process.stdout.write(text)
const queueOf = ({ failed }: DlqOptions): Queue => (failed ? 'failed' : 'dlq')

/** `redswarm traffic dlq list`: one line per dead letter, oldest first. */
export function listDeadLetters(
  place: TrafficPlace,
  options: DlqOptions & { readonly limit: number },
): Promise<void> {
  return withTraffic(place, async (redis, keys) => {
    const queue = queueOf(options)
    let shown = 0
    for await (const page of readDeadLetters(redis, keys, queue)) {
      for (const deadLetter of page.slice(0, options.limit - shown))
        out(options.json ? jsonLine(deadLetter, true) : line(deadLetter))
      shown += Math.min(page.length, options.limit - shown)
      if (shown === options.limit) break
    }
    if (options.json) return
    out(restText(queue, await redis.xlen(queueKey(keys, queue)), shown))
  })
}

/** The last line of the list: that there are none, or how many are not shown. */
function restText(queue: Queue, total: number, shown: number): string {
  if (total === 0) return queue === 'failed' ? 'no entry was given up\n' : 'there are no dead letters\n'
  return total > shown ? `… ${(total - shown).toLocaleString('en')} more; --limit shows them\n` : ''
}

/** `redswarm traffic dlq show`: everything about the dead letters named. */
export function showDeadLetters(
  place: TrafficPlace,
  ids: readonly string[],
  options: DlqOptions & { readonly passkeys: boolean },
): Promise<void> {
  return withTraffic(place, async (redis, keys) => {
    for (const deadLetter of await deadLettersOf(redis, keys, queueOf(options), ids))
      out(
        options.json
          ? jsonLine(deadLetter, !options.passkeys)
          : describeDeadLetter(deadLetter, !options.passkeys),
      )
  })
}

/** `redswarm traffic dlq replay`: settles them into the ledger; exit code 1 when some are still refused. */
export async function replayByHand(
  place: TrafficPlace,
  ids: readonly string[],
  options: DlqOptions & { readonly all: boolean; readonly db: string },
): Promise<void> {
  // With a mistyped name, a new file would take the dead letters and users would lose the credit.
  const ledger = await openLedger(options.db, { mustExist: true })
  try {
    await withTraffic(place, async (redis, keys) => {
      const sum = { replayed: 0, uploadedBytes: 0n, downloadedBytes: 0n }
      const refused: Record<string, string> = {}
      await eachPortion(redis, keys, ids, options, async (deadLetters) => {
        const outcome = await replayDeadLetters({ redis, keys, ledger }, deadLetters)
        sum.replayed += outcome.replayed
        sum.uploadedBytes += outcome.uploadedBytes
        sum.downloadedBytes += outcome.downloadedBytes
        Object.assign(refused, Object.fromEntries(outcome.refused))
      })
      const refusals = Object.entries(refused)
      const { replayed, uploadedBytes: up, downloadedBytes: down } = sum
      if (options.json) {
        out(`${JSON.stringify({ replayed, uploaded: String(up), downloaded: String(down), refused })}\n`)
      } else {
        for (const [deadLetterId, reason] of refusals) out(`${deadLetterId}  not settled: ${reason}\n`)
        out(
          `settled ${replayed} of ${replayed + refusals.length}; credited ${up} bytes up, ${down} bytes down\n`,
        )
      }
      if (refusals.length > 0) process.exitCode = 1
    })
  } finally {
    await ledger.close()
  }
}

/** `redswarm traffic dlq purge`: removes them unsettled; without --yes it only says how many. */
export function purgeDeadLetters(
  place: TrafficPlace,
  ids: readonly string[],
  options: DlqOptions & { readonly all: boolean; readonly yes: boolean },
): Promise<void> {
  return withTraffic(place, async (redis, keys) => {
    let purged = 0
    await eachPortion(redis, keys, ids, options, async (deadLetters) => {
      purged += options.yes ? await removeDeadLetters(redis, keys, deadLetters) : deadLetters.length
    })
    if (options.json) out(`${JSON.stringify({ dryRun: !options.yes, purged })}\n`)
    else if (options.yes) out(`purged ${purged}\n`)
    else out(`would purge ${purged}, which can never be settled then; nothing was changed; --yes does it\n`)
  })
}

/** Those named, or with `all` every one that is there now, some at a time. */
async function eachPortion(
  redis: Redis,
  keys: TrafficKeys,
  ids: readonly string[],
  options: DlqOptions & { readonly all: boolean },
  work: (deadLetters: readonly StoredDeadLetter[]) => Promise<void>,
): Promise<void> {
  const queue = queueOf(options)
  if (!options.all) return work(await deadLettersOf(redis, keys, queue, ids))
  const progress = createProgress(process.stderr)
  const total = await redis.xlen(queueKey(keys, queue))
  let done = 0
  for await (const page of readDeadLetters(redis, keys, queue)) {
    await work(page.slice(0, total - done)) // what is parked meanwhile is for another time
    done += page.length
    progress.show('dead letters', done, total)
    if (done >= total) break
  }
  progress.clear()
}

/** By the dead letter's own ID, or by that of the entry it stands for. Throws Error naming one that is not there. */
async function deadLettersOf(
  redis: Redis,
  keys: TrafficKeys,
  queue: Queue,
  ids: readonly string[],
): Promise<StoredDeadLetter[]> {
  const found: StoredDeadLetter[] = []
  for (const id of ids) {
    const deadLetter =
      (await findDeadLetter(redis, keys, queue, id)) ?? (await findByEntry(redis, keys, queue, id))
    if (!deadLetter) throw new Error(`${id}: there is no such dead letter in ${queueKey(keys, queue)}`)
    found.push(deadLetter)
  }
  return found
}

async function findByEntry(redis: Redis, keys: TrafficKeys, queue: Queue, id: string) {
  for await (const page of readDeadLetters(redis, keys, queue)) {
    const deadLetter = page.find((each) => each.id === id)
    if (deadLetter) return deadLetter
  }
  return undefined
}

function line({ deadLetterId, id, reason, attempts, entries, atSeconds, fields }: StoredDeadLetter): string {
  const what = fields === undefined ? `${entries.toLocaleString('en')} lost from ${id}` : `entry ${id}`
  const tries = attempts > 1 ? ` (${attempts} attempts)` : ''
  return `${deadLetterId}  ${timeText(atSeconds)}  ${what}: ${printable(reason)}${tries}\n`
}

function describeDeadLetter({ fields, ...deadLetter }: StoredDeadLetter, isMasked: boolean): string {
  const { deadLetterId, id, redisEpoch, group, reason, attempts, entries, atSeconds } = deadLetter
  const lines = [
    `id        ${deadLetterId}, written ${timeText(atSeconds)}`,
    `entry     ${id} of Redis epoch ${redisEpoch}`,
    `group     ${group}`,
    `reason    ${printable(reason)}`,
    `attempts  ${attempts}`,
    ...(fields === undefined ? [`entries   ${entries}, gone before they were read`] : []),
  ]
  const named = Object.entries(fieldsOf(fields, isMasked))
  const width = Math.max(0, ...named.map(([name]) => name.length))
  return `${[...lines, ...named.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)].join('\n')}\n`
}

/** Under the names that are published. */
function jsonLine(deadLetter: StoredDeadLetter, isMasked: boolean): string {
  const { deadLetterId: letterId, queue, id, redisEpoch: history, fields, ...rest } = deadLetter
  const shown = fields ? fieldsOf(fields, isMasked) : null
  return `${JSON.stringify({ letterId, queue, id, history, ...rest, fields: shown })}\n`
}

/** Values may be anything, control characters among it. */
function fieldsOf(fields: readonly string[] | undefined, isMasked: boolean): Record<string, string> {
  const named: Record<string, string> = {}
  for (let i = 0; fields && i + 1 < fields.length; i += 2) {
    const value = fields[i + 1]!
    const shown = isMasked && fields[i] === 'passkey' ? maskPasskey(value) : value
    named[printable(fields[i]!)] = printable(shown)
  }
  return named
}

const printable = (text: string) =>
  (text.length > 200 ? `${text.slice(0, 200)}… (${text.length} characters)` : text).replace(
    /[^\x20-\x7e…]/g,
    '?',
  )
