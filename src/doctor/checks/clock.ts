import type { Config } from '../../config/config.ts'
import type { ClockFacts } from '../facts.ts'
import { error, type Finding, ok, warning } from '../finding.ts'

const FAR_SECONDS = 2
/** When no UDP is configured, which has a limit of its own. */
const VERY_FAR_SECONDS = 60

/** How far this machine's clock is from Redis', which all events carry. */
export function checkClock(clock: ClockFacts | undefined, config: Config): Finding[] {
  if (!clock) return []
  const seconds = Math.max(0, Math.abs(clock.offsetMs) - clock.roundTripMs / 2) / 1000
  const direction = clock.offsetMs > 0 ? 'ahead of' : 'behind'
  if (seconds < FAR_SECONDS) return [ok('clock', 'this machine and Redis agree on the time')]
  const what = `Redis’ clock is ${seconds.toFixed(1)} s ${direction} this machine’s`
  const advice = {
    meaning:
      'Events, sessions and swarms follow Redis’ clock alone. Connection IDs of UDP, tokens and signatures follow each machine’s own: a client that meets another instance is refused when they differ too much.',
    remedy:
      'Let a time service (chrony, systemd-timesyncd) run on every machine: timedatectl status says whether it does.',
  }
  const limit = config.udp?.maxClockSkewSeconds ?? VERY_FAR_SECONDS
  return [seconds > limit ? error('clock', what, advice) : warning('clock', what, advice)]
}
