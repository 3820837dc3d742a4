import { planTrim, trimTraffic } from '../../site/traffic/trim.ts'
import { createProgress } from '../progress.ts'
import { type TrafficPlace, withTraffic } from './options.ts'

export interface TrimCommand {
  readonly yes: boolean
  readonly keepSeconds: number
  readonly json: boolean
}

/** `redswarm traffic trim`: says what every group has finished, and with --yes drops it. */
export async function trimByHand(
  place: TrafficPlace,
  { yes, keepSeconds, json }: TrimCommand,
): Promise<void> {
  const progress = createProgress(process.stderr)
  const { length, plan } = await withTraffic(place, async (redis, keys) => {
    const total = await redis.xlen(keys.traffic)
    const onProgress = (entries: number) => progress.show(yes ? 'trimming' : 'counting', entries, total)
    const work = yes ? trimTraffic : planTrim
    return { length: total, plan: await work(redis, keys, { keepMs: keepSeconds * 1000, onProgress }) }
  })
  progress.clear()
  const { dropped, stayId, neededBy } = plan
  if (json) {
    const fields = {
      dryRun: !yes,
      entries: length,
      dropped,
      stayId: stayId ?? null,
      neededBy: neededBy ?? null,
    }
    process.stdout.write(`${JSON.stringify(fields)}\n`)
    return
  }
  const of = `${dropped.toLocaleString('en')} of ${length.toLocaleString('en')} entries`
  const reason =
    stayId === undefined
      ? 'no group reads the stream, so nothing is finished'
      : `what stays begins at ${stayId}${neededBy === undefined ? ', which is young' : `, which group ${neededBy} needs`}`
  const hint = yes || dropped === 0 ? '' : '\nnothing was changed; --yes does it'
  process.stdout.write(`${yes ? 'trimmed' : 'would trim'} ${of}; ${reason}${hint}\n`)
}
