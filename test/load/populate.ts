import { createPopulation, type Population, type Swarm } from '../../src/load/population.ts'
import { parseTarget } from '../../src/load/target.ts'
import { openUdpTransport } from '../../src/load/udpTransport.ts'
import { announceUrl, type LoadGenerator, type LoadRun } from './generate.ts'
import { httpGet, scrapePath } from './httpGet.ts'
import { populationPlan } from './scenario.ts'
import type { RunningTracker } from './trackers/tracker.ts'

const FILL_SECONDS = 300
const SCRAPES_AT_ONCE = 8
const SAMPLES = 100
/** A round that no run comes to. */
const SAMPLE_ROUND = 20_000
/** Action, transaction ID, interval, leechers, seeders (BEP 15); then 6 bytes for each peer. */
const UDP_HEADER_BYTES = 20
const UDP_PEER_BYTES = 6

/** The tracker refused or lost peers, so its numbers would describe something else. */
export class UnfitTracker extends Error {
  override readonly name = 'UnfitTracker'
}

/** Announces every peer once with `started`, so that the swarms have their full size before anything is measured. */
export async function fillSwarms(generate: LoadGenerator, run: LoadRun): Promise<void> {
  const { tracker, scenario } = run
  const transport = tracker.transports.includes('keep-alive') ? 'keep-alive' : 'close'
  const maxAnnounces = scenario.swarms * scenario.peersPerSwarm
  const filled = { ...run, transport, seconds: FILL_SECONDS, maxAnnounces, firstRound: 0 } as const
  const { answered } = refuseFailures(await generate(filled))
  if (answered < maxAnnounces)
    throw new UnfitTracker(`took ${answered} of ${maxAnnounces} peers in ${FILL_SECONDS} s`)
}

/** @throws UnfitTracker when an announce was refused, had no answer or another one than it should */
export function refuseFailures<Result extends Awaited<ReturnType<LoadGenerator>>>(result: Result): Result {
  const { failureReasons, errors, connectionErrors, unfinished, answered } = result
  const counts = Object.entries({ ...failureReasons, ...errors, ...connectionErrors, unfinished })
  const kinds = counts.filter(([, count]) => count > 0).map(([kind, count]) => `${count} × ${kind}`)
  if (kinds.length > 0 || answered === 0)
    throw new UnfitTracker(`failed announces (${kinds.join(', ')}) beside ${answered} answered ones`)
  return result
}

/**
 * Asks the tracker for the counts of every swarm, one scrape each.
 *
 * @throws UnfitTracker when it holds other seeders and leechers than were announced, or, where it forgets peers above
 *   a number, other than that number of them
 */
export async function checkSwarms({ tracker, scenario }: LoadRun): Promise<void> {
  const population = createPopulation(populationPlan(scenario, { usesPasskeys: false, firstRound: 0 }))
  let next = 0
  const scraper = async () => {
    while (next < scenario.swarms) await checkSwarm(tracker, population.swarm(next++))
  }
  await Promise.all(Array.from({ length: SCRAPES_AT_ONCE }, scraper))
}

async function checkSwarm(tracker: RunningTracker, announced: Swarm): Promise<void> {
  const text = (await httpGet(tracker.port, scrapePath(announced.infohash))).toString('latin1')
  const seeders = Number(/8:completei(\d+)e/.exec(text)?.[1] ?? 0)
  const leechers = Number(/10:incompletei(\d+)e/.exec(text)?.[1] ?? 0)
  const size = announced.seeders + announced.leechers
  const isComplete = seeders === announced.seeders && leechers === announced.leechers
  const isCutAsKnown = size > tracker.maxPeersPerSwarm && seeders + leechers === tracker.maxPeersPerSwarm
  if (isComplete || isCutAsKnown) return
  throw new UnfitTracker(
    `holds ${seeders} seeders and ${leechers} leechers of a swarm of ${announced.seeders} and ${announced.leechers}`,
  )
}

/**
 * Announces a spread of peers once more over UDP, where the length of an answer says how many peers it carries.
 *
 * @throws UnfitTracker when one carries fewer than there are to be had
 */
export async function sampleUdpAnswers({ tracker, scenario }: LoadRun): Promise<void> {
  const plan = populationPlan(scenario, { usesPasskeys: tracker.usesPasskeys, firstRound: SAMPLE_ROUND })
  const population = createPopulation(plan)
  const swarms = new Map(swarmsOf(population, plan.swarms).map((swarm) => [swarm.infohash, swarm]))
  const target = parseTarget(announceUrl(tracker, 'udp'), tracker.usesPasskeys)
  const { passkeys } = plan
  const transport = await openUdpTransport({ target, address: '127.0.0.1', passkeys, timeoutMs: 5_000 })
  try {
    const lane = transport.createLane()
    for (let i = 0; i < SAMPLES; i++) {
      const announce = population.next()
      const { seeders, leechers } = swarms.get(announce.infohash)!
      const others =
        announce.leftBytes === 0 && tracker.givesSeedersLeechersOnly ? leechers : seeders + leechers - 1
      const least = UDP_HEADER_BYTES + UDP_PEER_BYTES * Math.min(others, announce.numwant)
      await new Promise<void>((resolve, reject) => {
        lane.send(announce, (fault, bytes) => {
          if (fault) reject(new UnfitTracker(`answered: ${fault.text}`))
          else if (bytes < least)
            reject(new UnfitTracker(`answered ${bytes} bytes, not ${least} with all peers`))
          else resolve()
        })
      })
    }
  } finally {
    transport.close()
  }
}

function swarmsOf(population: Population, count: number): Swarm[] {
  return Array.from({ length: count }, (_, index) => population.swarm(index))
}
