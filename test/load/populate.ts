import { sendAll } from './httpClient.ts'
import { announceHead, announceTail, scrapeRequest } from './httpRequest.ts'
import { type Population, swarmSizes } from './population.ts'
import type { RunningTracker } from './trackers/tracker.ts'

/** The tracker refused or lost peers, so its numbers would describe something else. */
export class UnfitTracker extends Error {
  override readonly name = 'UnfitTracker'
}

/** Announces every peer once with `started`, so that the swarms have their full size before anything is measured. */
export async function fillSwarms(
  tracker: RunningTracker,
  { peers }: Population,
  connections: number,
): Promise<void> {
  const transport = tracker.transports.includes('keep-alive') ? 'keep-alive' : 'close'
  const tail = announceTail(tracker.port, transport, '&event=started')
  await sendAll({
    port: tracker.port,
    count: peers.length,
    connections,
    transport,
    requestOf: (index) =>
      `${announceHead(tracker.announcePath(peers[index]!.passkey), peers[index]!)}0${tail}`,
    onBody: refuseFailure,
  })
}

/**
 * Asks the tracker for the counts of every swarm, one scrape each.
 *
 * @throws UnfitTracker when it holds other seeders and leechers than were announced, or, where it forgets peers above
 *   a number, other than that number of them
 */
export async function checkSwarms(tracker: RunningTracker, population: Population): Promise<void> {
  const { infohashes } = population
  const expected = swarmSizes(population)
  await sendAll({
    port: tracker.port,
    count: infohashes.length,
    connections: 8,
    transport: 'close',
    requestOf: (index) => scrapeRequest(tracker.port, infohashes[index]!, 'close'),
    onBody: (body, index) => {
      refuseFailure(body)
      const text = body.toString('latin1')
      const seeders = Number(/8:completei(\d+)e/.exec(text)?.[1] ?? 0)
      const leechers = Number(/10:incompletei(\d+)e/.exec(text)?.[1] ?? 0)
      const announced = expected.get(infohashes[index]!)!
      const size = announced.seeders + announced.leechers
      const isComplete = seeders === announced.seeders && leechers === announced.leechers
      const isCutAsKnown = size > tracker.maxPeersPerSwarm && seeders + leechers === tracker.maxPeersPerSwarm
      if (isComplete || isCutAsKnown) return
      throw new UnfitTracker(
        `holds ${seeders} seeders and ${leechers} leechers of a swarm of ${announced.seeders} and ${announced.leechers}`,
      )
    },
  })
}

/** Announces a spread of peers again: the generator does not read answers, so this says what it was answered. */
export async function sampleAnswers(tracker: RunningTracker, { peers }: Population): Promise<void> {
  const tail = announceTail(tracker.port, 'close', '')
  const sample = Array.from({ length: 100 }, (_, n) => peers[Math.floor((n * peers.length) / 100)]!)
  await sendAll({
    port: tracker.port,
    count: sample.length,
    connections: 4,
    transport: 'close',
    requestOf: (index) => {
      const peer = sample[index]!
      return `${announceHead(tracker.announcePath(peer.passkey), peer)}900000000000000${tail}`
    },
    onBody: refuseFailure,
  })
}

function refuseFailure(body: Buffer): void {
  const text = body.toString('latin1')
  const failure = /14:failure reason\d+:(.{0,80})/s.exec(text)?.[1]
  if (failure !== undefined || !text.startsWith('d'))
    throw new UnfitTracker(`answered: ${failure ?? text.slice(0, 80)}`)
}
