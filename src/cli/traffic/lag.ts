import { type GroupLag, readTrafficLag, type TrafficLag } from '../../site/traffic/lag.ts'
import { type TrafficPlace, withTraffic } from './options.ts'

/** `redswarm traffic lag`: how far each group is behind, and who works in it. */
export async function showLag(place: TrafficPlace, json: boolean): Promise<void> {
  const lag = await withTraffic(place, readTrafficLag)
  process.stdout.write(json ? `${JSON.stringify(jsonOf(lag))}\n` : textOf(lag))
}

/** Durations in seconds. */
function jsonOf({ groups, oldestMs, ...lag }: TrafficLag) {
  return {
    ...lag,
    oldestSeconds: oldestMs / 1000,
    groups: groups.map(({ lagMs, oldestPendingMs, oldestPendingId, consumers, ...group }) => ({
      ...group,
      lagSeconds: lagMs / 1000,
      oldestPendingId: oldestPendingId ?? null,
      oldestPendingSeconds: oldestPendingMs / 1000,
      consumers: consumers.map(({ idleMs, ...consumer }) => ({ ...consumer, idleSeconds: idleMs / 1000 })),
    })),
  }
}

function textOf(lag: TrafficLag): string {
  const lines = [
    `${lag.stream}: ${count(lag.entries)} entries, the oldest ${age(lag.oldestMs)} old`,
    `dead letters: ${queueLength(lag.deadLetters)}, given up: ${queueLength(lag.failed)}`,
    ...lag.groups.flatMap(groupLines),
  ]
  if (lag.groups.length === 0) lines.push('no group reads this stream: redswarm traffic consume makes one')
  return `${lines.join('\n')}\n`
}

function groupLines(group: GroupLag): string[] {
  const { name, lagMs, backlog, isBacklogExact, pending, oldestPendingId, oldestPendingMs, consumers } = group
  const oldest =
    oldestPendingId === undefined ? '' : `, the oldest ${oldestPendingId} of ${age(oldestPendingMs)} ago`
  return [
    `group ${name}`,
    `  lag       ${lagMs === 0 ? 'none' : age(lagMs)}`,
    `  backlog   ${isBacklogExact ? '' : 'about '}${count(backlog)} after ${group.lastDeliveredId}`,
    `  pending   ${count(pending)}${oldest}`,
    ...consumers.map(
      (consumer) =>
        `  consumer  ${consumer.name}: ${count(consumer.pending)} pending, seen ${age(consumer.idleMs)} ago`,
    ),
  ]
}

const count = (value: number) => value.toLocaleString('en')
const queueLength = (value: number) => (value < 0 ? 'not a stream' : count(value))

function age(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`
}
